import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/** Imports point inward: for each layer, the layers that it must not know (docs/architecture.md#layers). */
const layers = {
  domain: ['audit', 'use-cases', 'persistence', 'api', 'graphql', 'rest', 'http', 'cli', 'observability'],
  'use-cases': ['audit', 'persistence', 'api', 'graphql', 'rest', 'http', 'cli', 'observability'],
  persistence: ['audit', 'api', 'graphql', 'rest', 'http', 'cli', 'observability'],
  audit: ['api', 'graphql', 'rest', 'http', 'cli'],
  api: ['audit', 'graphql', 'rest', 'http', 'cli'],
  graphql: ['rest', 'http', 'cli'],
  rest: ['persistence', 'graphql', 'http', 'cli'],
  http: ['cli'],
  observability: ['audit', 'use-cases', 'persistence', 'api', 'graphql', 'rest', 'http', 'cli'],
};

const zones = Object.entries(layers).flatMap(([layer, unknown]) =>
  unknown.map((other) => ({ target: `./src/${layer}`, from: `./src/${other}` })),
);

/** Resolvers read and never write; what writes is a use case. */
const readsOnly = {
  target: './src/graphql',
  from: './src/persistence',
  except: [
    './actions/actions.reads.ts',
    './people/api-keys.reads.ts',
    './audit/audit-log.reads.ts',
    './audit/audit-summary.reads.ts',
    './audit/tree.reads.ts',
    './policy/policies.reads.ts',
    './actions/stuck-actions.reads.ts',
    './people/users.reads.ts',
    './actions/votes.reads.ts',
    './sql/sql.ts',
  ],
};

/** An outage has to be told from a fault of ours. */
const outagesOnly = { target: './src/api', from: './src/persistence', except: ['./connections/outage.ts'] };

/** Packages that one folder alone may import. */
const homes = {
  persistence: ['typeorm', 'typeorm/*', 'pg'],
  graphql: ['type-graphql'],
};

const bannedPackages = (folder) =>
  Object.entries(homes).flatMap(([home, packages]) => (home === folder ? [] : packages));

export default tseslint.config(
  {
    ignores: [
      'node_modules',
      '.data',
      'coverage',
      'src/rest/operations.types.ts',
      'client/dist',
      'client/src/operations.ts',
      '**/*.mjs',
      '**/*.cjs',
    ],
  },
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { 'import-x': importX },
    settings: {
      'import-x/resolver-next': [createTypeScriptImportResolver()],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
    },
    rules: {
      'import-x/no-cycle': 'error',
      'import-x/no-restricted-paths': ['error', { zones: [...zones, readsOnly, outagesOnly] }],
      '@typescript-eslint/explicit-function-return-type': ['error', { allowExpressions: true }],
      // Type classes of type-graphql are shapes here, as everywhere in TypeScript: plain values fit them.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'env',
          message: 'The environment is read once, by whoever starts the process.',
        },
      ],
    },
  },
  ...[
    '.',
    'domain',
    'use-cases',
    'persistence',
    'audit',
    'api',
    'graphql',
    'rest',
    'http',
    'cli',
    'observability',
  ].map((folder) => ({
    files: folder === '.' ? ['src/*.ts'] : [`src/${folder}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: bannedPackages(folder).map((name) => ({
            group: [name],
            message: 'See "homes" in eslint.config.mjs.',
          })),
        },
      ],
    },
  })),
  {
    files: ['src/domain/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { regex: '^(?!\\./|node:crypto$)', message: 'The domain knows no package and does no I/O.' },
          ],
        },
      ],
    },
  },
  {
    files: ['client/src/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^(?!\\./)', message: 'The client depends on nothing.' }] },
      ],
    },
  },
  // A class of decorated fields has no other members; a resolver's arguments are declared even where the directive read them.
  {
    files: ['src/graphql/**/*.ts'],
    rules: { '@typescript-eslint/no-extraneous-class': 'off' },
  },
  {
    files: ['src/main.ts', 'src/cli/command.ts', 'bench/processes.ts', 'chaos/**/*.ts', 'test/**/*.ts'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    files: ['src/cli/schema.ts'],
    rules: { 'no-console': 'off' },
  },
  // A test reads whatever JSON came back and fails on what did not.
  {
    files: ['test/**/*.ts', 'chaos/**/*.ts'],
    rules: {
      'no-console': 'off',
      '@typescript-eslint/explicit-function-return-type': 'off',
      '@typescript-eslint/no-explicit-any': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
);
