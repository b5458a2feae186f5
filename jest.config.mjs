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

const shared = {
  testEnvironment: '<rootDir>/test/support/environment.ts',
  testMatch: ['**/*.test.ts'],
  transform: { '^.+\\.ts$': swc },
};

/** Tests of one module, at its place in src/. They need no PostgreSQL, and cannot reach one. */
export const unit = {
  ...shared,
  displayName: 'unit',
  roots: ['<rootDir>/test'],
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/stories/', '<rootDir>/test/operations/'],
  setupFiles: ['<rootDir>/test/support/no-database.ts'],
};

/** Tests with a PostgreSQL that the run starts. */
export const integration = {
  ...shared,
  displayName: 'integration',
  roots: ['<rootDir>/test/stories'],
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
};

/** What jest reads for a whole run, never for a project. */
export const limits = {
  maxWorkers: 2,
  // For what hangs alone: on a busy machine a test that starts processes takes minutes.
  testTimeout: 600_000,
};

/** @type {import('jest').Config} */
export default { ...limits, projects: [unit, integration] };
