import config from './jest.config.mjs';

/**
 * What operators do and what happens to their processes, with gateways, programs and database servers that each test
 * starts: `npm run test:operations`. @type {import('jest').Config}
 */
export default {
  ...config,
  roots: ['<rootDir>/test/operations'],
  testPathIgnorePatterns: ['/node_modules/'],
};
