/** Runs before each unit test: where `npm test` runs both projects, the integration tests' set-up has named its database. */
for (const name of Object.keys(process.env))
  if (/^TEST_\w+_(?:DIR|URL)$/.test(name)) Reflect.deleteProperty(process.env, name);
