import { stopPostgres } from './global-setup';
import { searchRunLog } from './run-log';

/** What jest passes about a run. */
interface Run {
  readonly testPathPatterns: { isSet(): boolean };
  readonly testNamePattern?: string;
}

/** Ends the run: stops its PostgreSQL, and fails it where a secret was logged. */
export default async function globalTeardown(run: Run): Promise<void> {
  try {
    const { TEST_DATA_DIR: dataDir = '', ...settings } = process.env;
    const urls = ['SUPERUSER', 'OWNER', 'APPLICATION'].map((login) => settings[`TEST_${login}_URL`] ?? '');
    const passwords = urls.map((url) => decodeURIComponent(new URL(url).password));
    const isWholeSuite = !run.testPathPatterns.isSet() && run.testNamePattern === undefined;
    searchRunLog(dataDir, passwords, isWholeSuite);
  } finally {
    await stopPostgres();
  }
}
