import config from './jest.config.mjs';

/** What holds documents against the code, which needs no PostgreSQL: `npm run check:docs`. @type {import('jest').Config} */
export default {
  ...config,
  globalSetup: undefined,
  globalTeardown: undefined,
  maxWorkers: 1,
  testMatch: ['**/{docs,reference-pages,runbooks}.test.ts'],
};
