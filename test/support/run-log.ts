import { randomUUID } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { makeLogger, type Logger } from '../../src/observability/logger';
import { setting } from './database';
import { SAMPLES, secretsIn } from './secrets';

/**
 * Where everything that is logged during a run is kept until its end: below the run's data folder, a file for each
 * process.
 */
const FOLDER = 'logs';
/** The log of the run's PostgreSQL, beside it. */
const OF_POSTGRESQL = 'postgres.log';

/** Keeps a log in a file of its own, which is created at once so that an empty log is noticed. */
export function keepLog(name: string): (text: string) => void {
  const folder = join(setting('TEST_DATA_DIR'), FOLDER);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}-${randomUUID()}.log`);
  writeFileSync(path, '');
  return (text) => {
    appendFileSync(path, text);
  };
}

/** A gateway's own log, kept at every level; `onEntry` gets the entries of a level, and above it. */
export function keptLogger(level: pino.Level = 'trace', onEntry?: (entry: string) => void): Logger {
  const keep = keepLog('gateway');
  const least = pino.levels.values[level] ?? 0;
  return makeLogger('trace', {
    write: (entry: string) => {
      keep(entry);
      if (onEntry !== undefined && (JSON.parse(entry) as { level: number }).level >= least) onEntry(entry);
    },
  });
}

/**
 * Searches what a run logged.
 * @param passwords that the run's databases have
 * @throws {Error} where a secret was logged, a log is empty, or the search itself is blind
 */
export function searchRunLog(dataDir: string, passwords: readonly string[], isWholeSuite: boolean): void {
  const folder = join(dataDir, FOLDER);
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const paths = [...names.map((name) => join(folder, name)), join(dataDir, OF_POSTGRESQL)];
  const logs = paths.map((path) => ({ path, text: readFileSync(path, 'utf8') }));
  const faults = logs.flatMap(({ path, text }) => [
    ...(text === '' ? [`${path}: is empty, so that nothing in it was looked at`] : []),
    ...secretsIn(text, passwords).map(({ kind, line }) => `${path}: ${kind} in: ${line}`),
  ]);
  if (isWholeSuite && names.length === 0) faults.push('No gateway kept its log: see keptLogger');
  for (const [kind, sample] of Object.entries(SAMPLES))
    if (!secretsIn(`{"msg":"${sample}"}`, []).some((found) => found.kind === kind))
      faults.push(`The search does not find ${kind}`);
  if (faults.length > 0)
    throw new Error(`What the tests logged was searched for secrets:\n${faults.join('\n')}`);
}
