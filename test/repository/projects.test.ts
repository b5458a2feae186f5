import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setting } from '../support/database';

/** The two projects of jest.config.mjs, as jest reads them. */
interface Projects {
  readonly globalConfig: { readonly testTimeout: number };
  readonly configs: readonly {
    readonly displayName: { readonly name: string };
    readonly globalSetup: string | null;
  }[];
}

const ROOT = join(__dirname, '..', '..');

it.each(['TEST_SUPERUSER_URL', 'TEST_OWNER_URL', 'TEST_DIRECT_URL', 'TEST_APPLICATION_URL', 'TEST_DATA_DIR'])(
  'a unit test cannot reach the database that %s names for integration tests',
  (name) => {
    expect(process.env[name]).toBeUndefined();
    expect(() => setting(name)).toThrow('is not set');
  },
);

it('a developer who runs unit tests waits for no PostgreSQL, and every test may take ten minutes', () => {
  const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
  const { stdout } = spawnSync(process.execPath, [jest, '--showConfig'], { cwd: ROOT, encoding: 'utf8' });
  const { configs, globalConfig } = JSON.parse(stdout) as Projects;
  expect(
    configs.map(({ displayName: { name }, globalSetup }) => [name, typeof globalSetup === 'string']),
  ).toEqual([
    ['unit', false],
    ['integration', true],
  ]);
  expect(globalConfig.testTimeout).toBe(600_000);
});
