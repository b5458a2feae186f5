import { parseArgs } from 'node:util';

/** The options of a run. */
export interface Options {
  readonly seed: number;
  /** How often each fault is injected. */
  readonly rounds: number;
  /** Names of faults, or parts of names; empty for all. */
  readonly only: readonly string[];
  /** Keeps the logs and data of a run. */
  readonly isKept: boolean;
}

export const USAGE = `usage: npm run chaos -- [FAULT…] [options]
  FAULT        part of a fault's name; all faults if none is given
  --rounds N   how often each fault is tried (40)
  --small      each fault once, as in CI
  --seed N     repeats the choices of an earlier run
  --keep       keeps the logs of the run`;

/** The command was called incorrectly. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Reads the command line. @throws {UsageError} */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parse(args);
  const number = (name: 'rounds' | 'seed', fallback: number): number => {
    const raw = values[name];
    if (raw === undefined) return fallback;
    if (/^\d{1,9}$/.test(raw)) return Number(raw);
    throw new UsageError(`--${name} has to be a number`);
  };
  return {
    seed: number('seed', Math.floor(Math.random() * 1e9)),
    rounds: number('rounds', values.small === true ? 1 : 40),
    only: positionals,
    isKept: values.keep === true,
  };
}

function parse(args: readonly string[]): {
  values: { rounds?: string; seed?: string; small?: boolean; keep?: boolean };
  positionals: string[];
} {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        rounds: { type: 'string' },
        seed: { type: 'string' },
        small: { type: 'boolean' },
        keep: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
