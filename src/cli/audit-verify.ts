import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { splitNotes } from '../audit/notes';
import { readBundle } from '../audit/read-bundle';
import { verifyBundle, type VerificationInput } from '../audit/verify-bundle';
import type { VerificationReport } from '../audit/verification';
import { readNoteKey, type NoteKey } from '../domain/signed-note';
import { asksForHelp } from './help';

const USAGE = `usage: countersign-verify FILE [--key KEY]… [--checkpoint FILE]… [--receipt FILE]… [--json]
  FILE          an audit bundle, gzipped or not
  --key         a public key that you trust (name+id+base64), or a file with one per line
  --checkpoint  a file of signed checkpoints that you kept earlier, one or many
  --receipt     a file of receipts that you kept, one or many
  --json        print the report as JSON
exit code: 0 everything agrees, 1 something is wrong, 2 the call is`;

/** A wrong call. */
class UsageError extends Error {}

/** Verifies a bundle without a database and without a network. */
async function main(): Promise<number> {
  if (asksForHelp(process.argv.slice(2))) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const { values, positionals } = readArguments();
  const [path, ...rest] = positionals;
  if (path === undefined || rest.length > 0) throw new UsageError('name one bundle');
  const input: VerificationInput = {
    trustedKeys: (values.key ?? []).flatMap(readKeys),
    checkpoints: (values.checkpoint ?? []).flatMap(notesOf),
    receipts: (values.receipt ?? []).flatMap(notesOf),
  };
  const report = await verifyBundle(readBundle(path), input, ({ entries, of, fault }) => {
    say(
      fault === undefined ? `${String(entries)} of ${String(of)} entries` : `${fault.kind}: ${fault.detail}`,
    );
  });
  process.stdout.write(values.json === true ? `${JSON.stringify(report, null, 2)}\n` : verdictOf(report));
  return report.faultCount === 0 ? 0 : 1;
}

const OPTIONS = {
  key: { type: 'string', multiple: true },
  checkpoint: { type: 'string', multiple: true },
  receipt: { type: 'string', multiple: true },
  json: { type: 'boolean' },
} as const;

function readArguments(): ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>> {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function readKeys(given: string): readonly NoteKey[] {
  const lines = given.includes('+') ? [given] : readText(given).split('\n');
  const texts = lines.filter((line) => line.trim() !== '');
  return texts.map((text) => {
    const key = readNoteKey(text);
    if (key === null) throw new UsageError(`this is no public key: ${text}`);
    return key;
  });
}

function notesOf(path: string): readonly { note: string; source: string }[] {
  const notes = splitNotes(readText(path));
  if (notes.length === 0) throw new UsageError(`there is no signed note in ${path}`);
  return notes.map((note) => ({ note, source: path }));
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new UsageError(`there is no readable file at ${path}`);
  }
}

function verdictOf(report: VerificationReport): string {
  const { origin, treeSize, rootHash, entries, checkpoints, actions, faults, faultCount, remarks } = report;
  const verdict = faultCount === 0 ? 'OK: everything agrees' : `FAILED: ${String(faultCount)} faults`;
  return `${[
    `log          ${origin}`,
    `tree         ${String(treeSize)} leaves, root ${rootHash}`,
    `checked      ${String(entries)} entries, ${String(checkpoints)} checkpoints, ${String(actions)} actions`,
    ...remarks.map((remark) => `remark       ${remark}`),
    ...faults.map(({ kind, detail }) => `fault        ${kind}: ${detail}`),
    verdict,
  ].join('\n')}\n`;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    say(error instanceof UsageError ? `${message}\n${USAGE}` : message);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  },
);
