import config from './jest.config.mjs';

/** The tests in a browser, which not every machine has: `npm run test:browser`. @type {import('jest').Config} */
export default { ...config, testMatch: ['**/*.browser.ts'] };
