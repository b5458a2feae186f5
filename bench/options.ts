import { parseArgs, type ParseArgsConfig } from 'node:util';
import { ENTRIES_PER_ACTION, type Size } from './history';

/** The options of a run. */
export interface Options {
  /** The requested workloads; none means the standard ones. */
  readonly names: readonly string[];
  /** Small and short: checks that everything runs and responds correctly. The figures mean nothing. */
  readonly isQuick: boolean;
  /** Whether the result is written to docs/benchmarks.md. */
  readonly isToWrite: boolean;
  readonly jsonFile: string;
  readonly size: Size;
  /** How many rounds are counted, in addition to the first one, which warms up. */
  readonly rounds: number;
  /** The largest number of rows in the scale of the data. */
  readonly maxRows: number;
}

export const USAGE = `usage: npm run bench -- [WORKLOAD… | scale] [options]
  --quick           small data and short rounds: only whether everything runs and answers right
  --write           put the result into docs/benchmarks.md
  --json FILE       where the figures go (bench-results.json)
  --actions N       actions to begin with (300000, or as many as the audit entries are about)
  --audit-rows N    audit entries to begin with (1000000)
  --rounds N        rounds that count (3)
  --max-rows N      where the scale of the data ends (1000000)`;

/** The name of the scale measurement, which is not a standard workload and runs alone. */
export const SCALE = 'scale';

/** The command was called incorrectly. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const OPTIONS = {
  quick: { type: 'boolean', default: false },
  write: { type: 'boolean', default: false },
  json: { type: 'string', default: 'bench-results.json' },
  actions: { type: 'string' },
  'audit-rows': { type: 'string' },
  rounds: { type: 'string' },
  'max-rows': { type: 'string' },
} satisfies ParseArgsConfig['options'];

/**
 * Reads the command line.
 * @param known the names of all workloads
 * @throws {UsageError} if it is incorrect
 */
export function readOptions(args: readonly string[], known: readonly string[]): Options {
  const { values, positionals } = parse(args);
  if (positionals.includes(SCALE) && positionals.length > 1) throw new UsageError('scale runs alone');
  const unknown = positionals.filter((name) => ![...known, SCALE].includes(name));
  if (unknown.length > 0)
    throw new UsageError(`There is no workload ${unknown.join(', ')}, only ${[...known, SCALE].join(', ')}`);
  if (values.write && positionals.length > 0 && positionals.join() !== SCALE)
    throw new UsageError('--write takes all standard workloads, or scale alone');
  const [actions, auditRows, rounds] = values.quick ? [3_000, 10_000, 1] : [300_000, 1_000_000, 3];
  const rows = count('audit-rows', values['audit-rows'], auditRows);
  return {
    names: positionals,
    isQuick: values.quick,
    isToWrite: values.write,
    jsonFile: values.json,
    size: {
      // At least as many actions as it takes to have this many entries.
      actions: count('actions', values.actions, Math.max(actions, Math.ceil(rows / ENTRIES_PER_ACTION))),
      auditRows: rows,
    },
    rounds: count('rounds', values.rounds, rounds),
    maxRows: count('max-rows', values['max-rows'], 1_000_000),
  };
}

function parse(
  args: readonly string[],
): ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>> {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function count(name: string, raw: string | undefined, fallback: number): number {
  if (raw === undefined) return fallback;
  if (/^[1-9]\d{0,8}$/.test(raw)) return Number(raw);
  throw new UsageError(`--${name} has to be a number from 1 on`);
}
