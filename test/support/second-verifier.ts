import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noteKeyText } from '../../src/domain/signed-note';
import { pythonWith } from './programs';
import { testLogKey } from './sealed-log';

/** A Python for the second verifier; null where there is none. */
export const python = pythonWith();

/**
 * The kinds of faults that the second verifier finds in a bundle's text, else what it does not prove; `OK` where it
 * proves everything.
 * @param trusted public keys, one per line; by default the test gateways'
 */
export function secondVerdict(bundle: string, trusted = testKeys()): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-second-'));
  try {
    const [file, keys] = [join(folder, 'bundle.jsonl'), join(folder, 'keys')];
    writeFileSync(file, bundle);
    writeFileSync(keys, trusted);
    return secondVerifier([file, '--key', keys]).kinds;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The second verifier's verdict: kinds of faults or of what is not proven, and its exit code. */
export interface SecondVerdict {
  readonly kinds: readonly string[];
  readonly status: number | null;
}

const PROGRAM = ['-B', join(__dirname, '..', 'second-verifier', 'verify.py')];

/** Runs the second verifier as from a command line. @throws {Error} where it crashes */
function secondVerifier(args: readonly string[]): SecondVerdict {
  const { stdout, stderr, status } = spawnSync(python ?? '', [...PROGRAM, ...args], { encoding: 'utf8' });
  if (status !== 2 && stderr !== '')
    throw new Error(`The second verifier ended with ${String(status)}: ${stdout}${stderr}`);
  return { kinds: stdout.trim().split('\n'), status };
}

/** Makes many calls of the second verifier in one process, to spare a busy machine. */
export function secondVerifiers(calls: readonly (readonly string[])[]): readonly SecondVerdict[] {
  const input = JSON.stringify(calls);
  const { stdout, stderr } = spawnSync(python ?? '', [...PROGRAM, '--calls'], { encoding: 'utf8', input });
  if (stderr !== '') throw new Error(`The second verifier broke down: ${stderr}`);
  const verdicts = JSON.parse(stdout) as readonly [string[], number][];
  return verdicts.map(([kinds, status]) => ({ kinds, status }));
}

function testKeys(): string {
  return testLogKey()
    .keys.map((key) => `${noteKeyText(key)}\n`)
    .join('');
}
