import { z } from 'zod';
import { ACTION_STATUSES } from '../domain/action';
import { DEFAULT_RULES, type PolicyRules } from '../domain/policy';
import { applyPatch } from '../domain/policy-change';
import type { BundleRecord } from './bundle';
import { BundleFileError, linesOf } from './bundle-file';
import type { FaultKind } from './verification';

const id = z.int().min(1);
const count = z.int().min(0);
const hash = z.string().regex(/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/, 'is not a SHA-256 hash in base64');
const altered = z.array(z.string()).min(1).optional();

/** A policy's settings. Some may be missing, but none may be unknown. */
const rules = z.looseObject({}).transform((document, context): PolicyRules => {
  const unknown = unknownSettings(document, DEFAULT_RULES);
  if (unknown !== null) context.addIssue(`has an unknown setting, ${unknown}`);
  const { value } = applyPatch(DEFAULT_RULES, document);
  if (value === undefined) context.addIssue('is not a policy');
  return value ?? DEFAULT_RULES;
});

/** The members of a scoring rule. */
const RULE_MEMBERS = ['actionType', 'toolName', 'targetSystem', 'riskIndicator', 'score'];

/** Returns the first unknown setting of a policy; null where all are known. */
function unknownSettings(document: object, known: object): string | null {
  for (const [name, value] of Object.entries(document) as [string, unknown][]) {
    if (!Object.hasOwn(known, name)) return name;
    const part: unknown = (known as Readonly<Record<string, unknown>>)[name];
    if (name === 'scoringRules') {
      const members = Array.isArray(value) ? value.filter(isObject).flatMap(Object.keys) : [];
      const unknown = members.find((member) => !RULE_MEMBERS.includes(member));
      if (unknown !== undefined) return unknown;
    } else if (isObject(part) && isObject(value)) {
      const unknown = unknownSettings(value, part);
      if (unknown !== null) return `${name}.${unknown}`;
    }
  }
  return null;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const record = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('header'),
    format: z.literal('countersign-audit-bundle'),
    v: z.literal(1),
    origin: z.string().min(1),
    organization_id: id,
    exported_at: z.string(),
    tree_size: count,
    from: count,
    to: count,
    keys: z.array(z.string()),
  }),
  z.strictObject({ type: z.literal('policy'), version: id, rules }),
  z.strictObject({
    type: z.literal('leaf'),
    index: count,
    audit_id: id,
    leaf_hash: hash,
    canonical: z.string().nullable(),
    altered,
  }),
  z.strictObject({ type: z.literal('checkpoint'), note: z.string() }),
  z.strictObject({
    type: z.literal('unsealed'),
    audit_id: id,
    leaf_hash: hash,
    canonical: z.string(),
    altered,
    queued: z.boolean(),
  }),
  z.strictObject({
    type: z.literal('action'),
    id,
    status: z.enum(ACTION_STATUSES),
    decided_by_kind: z.enum(['user', 'policy']).nullable(),
    decided_by: id.nullable(),
    decided_at: z.string().nullable(),
    approvals: count,
    correlation_id: z.string().nullable(),
  }),
  z.strictObject({
    type: z.literal('end'),
    policies: count,
    leaves: count,
    checkpoints: count,
    unsealed: count,
    actions: count,
  }),
]);

/** A placeholder for a record of a bundle that cannot be read. */
export interface UnreadableRecord {
  readonly type: 'unreadable';
  readonly kind: FaultKind;
  readonly reason: string;
}

/** Yields the records of a bundle file, gzipped or not. Unreadable records are reported in their place, not thrown. */
export async function* readBundle(path: string): AsyncGenerator<BundleRecord | UnreadableRecord, void> {
  let line = 0;
  try {
    for await (const text of linesOf(path)) yield parseRecord(text, (line += 1));
  } catch (error) {
    if (!(error instanceof BundleFileError)) throw error;
    yield { type: 'unreadable', kind: error.kind, reason: error.message };
  }
}

/**
 * Parses one line as a record. The line has to be exactly what `JSON.stringify` writes, which rules out duplicate
 * names, of which some programs keep the first and others the last.
 */
function parseRecord(text: string, line: number): BundleRecord | UnreadableRecord {
  const unreadable = (reason: string): UnreadableRecord => ({
    type: 'unreadable',
    kind: 'NOT_A_BUNDLE',
    reason: `Line ${String(line)}: ${reason.slice(0, 500)}`,
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
    if (JSON.stringify(value) !== text)
      return unreadable(
        'it is valid JSON, but not in the form that JSON.stringify writes: it has white space or a duplicate name',
      );
  } catch {
    return unreadable('it is not JSON');
  }
  const parsed = record.safeParse(value);
  // `data` keeps absent members absent: an absent list is not an empty one.
  return parsed.success ? (parsed.data as BundleRecord) : unreadable(z.prettifyError(parsed.error));
}
