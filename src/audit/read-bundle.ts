import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { PassThrough, pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { z } from 'zod';
import { ACTION_STATUSES } from '../domain/action';
import { DEFAULT_RULES, type PolicyRules } from '../domain/policy';
import { applyPatch } from '../domain/policy-change';
import type { BundleRecord } from './bundle';

const count = z.number().int().min(0);
const hash = z.base64().length(44);
const altered = z.array(z.string()).optional();

const rules = z.looseObject({}).transform((document, context): PolicyRules => {
  const { value } = applyPatch(DEFAULT_RULES, document);
  if (value === undefined) context.addIssue('is no policy');
  return value ?? DEFAULT_RULES;
});

const record = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('header'),
    format: z.literal('countersign-audit-bundle'),
    v: z.literal(1),
    origin: z.string().min(1),
    organization_id: count,
    exported_at: z.string(),
    tree_size: count,
    from: count,
    to: count,
    keys: z.array(z.string()),
  }),
  z.object({ type: z.literal('policy'), version: count, rules }),
  z.object({
    type: z.literal('leaf'),
    index: count,
    audit_id: count,
    leaf_hash: hash,
    canonical: z.string().nullable(),
    altered,
  }),
  z.object({ type: z.literal('checkpoint'), note: z.string() }),
  z.object({
    type: z.literal('unsealed'),
    audit_id: count,
    leaf_hash: hash,
    canonical: z.string(),
    altered,
    queued: z.boolean(),
  }),
  z.object({
    type: z.literal('action'),
    id: count,
    status: z.enum(ACTION_STATUSES),
    decided_by_kind: z.enum(['user', 'policy']).nullable(),
    decided_by: count.nullable(),
    decided_at: z.string().nullable(),
    approvals: count,
    correlation_id: z.string().nullable(),
  }),
  z.object({
    type: z.literal('end'),
    policies: count,
    leaves: count,
    checkpoints: count,
    unsealed: count,
    actions: count,
  }),
]);

/** A line of a bundle that is no record of the format. */
export interface UnreadableRecord {
  readonly type: 'unreadable';
  readonly line: number;
  readonly reason: string;
}

/** The records of a bundle's file, gzipped or not, line by line. @throws {Error} where the file cannot be read */
export async function* readBundle(path: string): AsyncIterable<BundleRecord | UnreadableRecord> {
  let line = 0;
  for await (const text of createInterface({ input: await plain(path), crlfDelay: Infinity })) {
    line += 1;
    yield parseRecord(text, line);
  }
}

/** One line as a record. */
function parseRecord(text: string, line: number): BundleRecord | UnreadableRecord {
  const unreadable = (reason: string): UnreadableRecord => ({ type: 'unreadable', line, reason });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return unreadable('it is not JSON');
  }
  const parsed = record.safeParse(value);
  // What was left out stays out: an absent list is no empty one.
  return parsed.success ? (parsed.data as BundleRecord) : unreadable(z.prettifyError(parsed.error));
}

/** A file's text, unpacked where it begins as gzip does. */
async function plain(path: string): Promise<Readable> {
  const start = createReadStream(path, { end: 1 });
  const chunks: Buffer[] = [];
  for await (const chunk of start) chunks.push(chunk as Buffer);
  const isGzip = Buffer.concat(chunks).equals(Buffer.from([0x1f, 0x8b]));
  const file = createReadStream(path);
  if (!isGzip) return file;
  const unpacked = new PassThrough();
  // An archive that was cut off ends the stream with an error, which whoever reads it gets.
  pipeline(file, createGunzip(), unpacked, () => undefined);
  return unpacked;
}
