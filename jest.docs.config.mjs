import { limits, unit } from './jest.config.mjs';

/** What holds documents and the layout of src/ against the code: `npm run check:docs`. @type {import('jest').Config} */
export default {
  ...limits,
  ...unit,
  testMatch: ['<rootDir>/test/docs/*.test.ts', '<rootDir>/test/repository/imports.test.ts'],
  maxWorkers: 1,
};
