const swc = [
  '@swc/jest',
  {
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: false, useDefineForClassFields: false },
    },
    module: { type: 'commonjs' },
  },
];

// As it runs at operators, and without graphql's checks for a second copy of itself, which cost every query much.
process.env.NODE_ENV = 'production';

/** @type {import('jest').Config} */
export default {
  testEnvironment: '<rootDir>/test/support/environment.ts',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  // They start gateways, programs and database servers of their own: `npm run test:operations`.
  testPathIgnorePatterns: ['/node_modules/', '/test/operations/'],
  transform: { '^.+\\.ts$': swc },
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  maxWorkers: 2,
  // For what hangs alone: on a busy machine a test that starts processes takes minutes.
  testTimeout: 600_000,
};
