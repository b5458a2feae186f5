import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readNotes } from '../audit/notes';
import { readBundle } from '../audit/read-bundle';
import { verifyBundle, type VerificationInput } from '../audit/verify-bundle';
import { REQUIREMENTS, verdictOf, type Requirement, type VerificationReport } from '../audit/verification';
import { messageOf } from '../error-message';
import { readNoteKey, type NoteKey } from '../domain/signed-note';
import { asksForHelp } from './help';

const USAGE = `usage: countersign-verify FILE --key KEY… [--checkpoint FILE]… [--receipt FILE]… [--require LIST] [--json]
  FILE          an audit bundle, gzipped or not
  --key         a public key that you trust (name+id+base64), or a file with one per line
  --unanchored  accept the keys that the bundle itself names, which proves nothing about who signed it
  --checkpoint  a file of signed checkpoints that you kept from before the export, one or more
  --receipt     a file of receipts that you kept, one or more
  --require     what has to be proven, separated by commas, or the verification fails: whole, sealed, anchored
  --json        print one JSON document, whatever happens
exit code: 0 everything agrees, 1 something is wrong or a requirement is not met, 2 incorrect usage,
           3 nothing is wrong, but not everything is proven (PARTIAL)`;

/** The command was called incorrectly. */
class UsageError extends Error {}

const EXIT_CODES = { OK: 0, FAILED: 1, PARTIAL: 3 } as const;

interface Call {
  readonly path: string;
  readonly input: VerificationInput;
  readonly required: readonly Requirement[];
  readonly isUnanchoredAccepted: boolean;
}

/** Verifies a bundle without a database or a network. @returns the exit code */
async function main(isJson: boolean): Promise<number> {
  const { path, input, required, isUnanchoredAccepted } = readCall();
  const found = await verifyBundle(readBundle(path), input, ({ entries, of, fault }) => {
    say(
      fault === undefined ? `${String(entries)} of ${String(of)} entries` : `${fault.kind}: ${fault.detail}`,
    );
  });
  const report = isUnanchoredAccepted ? withoutAnchor(found) : found;
  const verdict = verdictOf(report, required);
  const exitCode = EXIT_CODES[verdict];
  if (isJson) printJson({ verdict, exitCode, ...report });
  else process.stdout.write(textOf(report, required));
  return exitCode;
}

const OPTIONS = {
  key: { type: 'string', multiple: true },
  unanchored: { type: 'boolean' },
  checkpoint: { type: 'string', multiple: true },
  receipt: { type: 'string', multiple: true },
  require: { type: 'string', multiple: true },
  json: { type: 'boolean' },
} as const;

function readCall(): Call {
  const { values, positionals } = readArguments();
  const [path, ...rest] = positionals;
  if (path === undefined || rest.length > 0) throw new UsageError('name one bundle');
  const required = (values.require ?? []).flatMap(requirementsIn);
  const isUnanchoredAccepted = values.unanchored === true;
  if (isUnanchoredAccepted && (required.includes('anchored') || values.key !== undefined))
    throw new UsageError('--unanchored goes neither with --key nor with --require anchored');
  return {
    path,
    required,
    isUnanchoredAccepted,
    input: {
      trustedKeys: (values.key ?? []).flatMap(readKeys),
      checkpoints: (values.checkpoint ?? []).flatMap(notesOf),
      receipts: (values.receipt ?? []).flatMap(notesOf),
    },
  };
}

function readArguments(): ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>> {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function requirementsIn(given: string): readonly Requirement[] {
  return given.split(',').map((name) => {
    const requirement = REQUIREMENTS.find((known) => known === name);
    if (requirement === undefined)
      throw new UsageError(`--require takes ${REQUIREMENTS.join(', ')}, not ${JSON.stringify(name)}`);
    return requirement;
  });
}

/**
 * Reads public keys, given as text or as a file with one key per line. @throws {UsageError} if there is none, or a line
 * is not a key
 */
function readKeys(given: string): readonly NoteKey[] {
  const single = readNoteKey(given);
  if (single !== null) return [single];
  const lines = readText(given).split('\n');
  if (lines.at(-1) === '') lines.pop();
  if (lines.length === 0) throw new UsageError(`there is no public key in ${given}`);
  return lines.map((text) => {
    const key = readNoteKey(text);
    if (key === null) throw new UsageError(`this is not a public key in ${given}: ${JSON.stringify(text)}`);
    return key;
  });
}

function notesOf(path: string): readonly { note: string; source: string }[] {
  const notes = readNotes(readText(path));
  if (notes === null) throw new UsageError(`${path} must hold signed notes, each followed by an empty line`);
  return notes.map((note) => ({ note, source: path }));
}

function readText(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(path));
  } catch {
    throw new UsageError(`there is no readable UTF-8 file at ${path}`);
  }
}

/** Returns the report for a caller who accepts that nothing proves whose keys these are. */
function withoutAnchor(report: VerificationReport): VerificationReport {
  const isAnchor = ({ requirement }: { requirement: Requirement }): boolean => requirement === 'anchored';
  return {
    ...report,
    gaps: report.gaps.filter((gap) => !isAnchor(gap)),
    remarks: [...report.remarks, ...report.gaps.filter(isAnchor).map(({ detail }) => detail)],
  };
}

function textOf(report: VerificationReport, required: readonly Requirement[]): string {
  const { origin, treeSize, rootHash, entries, checkpoints, actions, faults, gaps, remarks } = report;
  return `${[
    `log          ${origin}`,
    `tree         ${String(treeSize)} leaves, root ${rootHash}`,
    `checked      ${String(entries)} entries, ${String(checkpoints)} checkpoints, ${String(actions)} actions`,
    ...remarks.map((remark) => `remark       ${remark}`),
    ...gaps.map(({ requirement, detail }) => `not ${requirement.padEnd(8)} ${detail}`),
    ...faults.map(({ kind, detail }) => `fault        ${kind}: ${detail}`),
    sentenceOf(report, required),
  ].join('\n')}\n`;
}

function sentenceOf(report: VerificationReport, required: readonly Requirement[]): string {
  const gaps = [...new Set(report.gaps.map(({ requirement }) => `not ${requirement}`))].join(', ');
  switch (verdictOf(report, required)) {
    case 'OK':
      return 'OK: everything agrees';
    case 'PARTIAL':
      return `PARTIAL: everything in the bundle agrees, but not everything is proven: ${gaps}`;
    case 'FAILED':
      return report.faultCount > 0
        ? `FAILED: ${String(report.faultCount)} faults`
        : `FAILED: a requirement is not met: ${gaps}`;
  }
}

function printJson(document: object): void {
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Prints why there is no report. @returns the exit code */
function explain(error: unknown, isJson: boolean): number {
  const message = messageOf(error);
  const isUsage = error instanceof UsageError;
  const exitCode = isUsage ? 2 : 1;
  if (isJson) printJson({ verdict: isUsage ? 'WRONG_CALL' : 'CRASHED', exitCode, error: message });
  say(isUsage ? `${message}\n${USAGE}` : message);
  return exitCode;
}

// Determined before the arguments are parsed, so that usage errors are JSON too.
const IS_JSON = process.argv.slice(2).includes('--json');

if (asksForHelp(process.argv.slice(2))) process.stdout.write(`${USAGE}\n`);
else
  main(IS_JSON)
    .catch((error: unknown) => explain(error, IS_JSON))
    .then(
      (code) => {
        process.exitCode = code;
      },
      () => {
        process.exitCode = 1;
      },
    );
