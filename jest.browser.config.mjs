import { integration, limits } from './jest.config.mjs';

/** The tests in a browser, which not every machine has: `npm run test:browser`. @type {import('jest').Config} */
export default {
  ...limits,
  ...integration,
  displayName: 'browser',
  roots: ['<rootDir>/test/browser'],
  testMatch: ['**/*.browser.ts'],
};
