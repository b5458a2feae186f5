import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeSchemaForPrinting } from '../app';
import { printSchema } from '../graphql/schema';

/** `npm run schema` writes schema.graphql from the code; with `--check` it fails if the file is stale. */
const file = join(__dirname, '..', '..', 'schema.graphql');
const printed = printSchema(makeSchemaForPrinting());
if (!process.argv.includes('--check')) writeFileSync(file, printed);
else if (readFileSync(file, 'utf8') !== printed) {
  console.error('schema.graphql is out of date: run `npm run schema`');
  process.exitCode = 1;
}
