import type { Tenant } from '../domain/principal';
import { noteKeyText } from '../domain/signed-note';
import type { BundleReads, EntryRow } from '../persistence/audit/bundle.reads';
import type { TreeReads } from '../persistence/audit/tree.reads';
import type { BundleRecord } from './bundle';
import type { LogKey } from './log-key';

/** The leaves that include their canonical bytes, by index: from inclusive, to exclusive. */
export interface LeafRange {
  readonly from?: number | null;
  readonly to?: number | null;
}

/** How many checkpoints are read at a time. */
const CHECKPOINTS = 500;

/**
 * Yields the records of an organization's audit bundle, with at most one page of rows in memory.
 * @param reads reads of one snapshot of the database
 */
export async function* bundleRecords(
  tenant: Tenant,
  reads: BundleReads,
  tree: TreeReads,
  key: LogKey,
  at: Date,
  range: LeafRange = {},
): AsyncIterable<BundleRecord> {
  const size = (await tree.latestCheckpoint(tenant))?.treeSize ?? 0;
  const from = Math.min(range.from ?? 0, size);
  const to = Math.max(from, Math.min(range.to ?? size, size));
  yield {
    type: 'header',
    format: 'countersign-audit-bundle',
    v: 1,
    origin: key.originOf(tenant.organizationId),
    organization_id: tenant.organizationId,
    exported_at: at.toISOString(),
    tree_size: size,
    from,
    to,
    keys: key.keys.map(noteKeyText),
  };
  const counts = { policies: 0, leaves: 0, checkpoints: 0, unsealed: 0, actions: 0 };
  for (const { version, rules } of await reads.policies(tenant)) {
    counts.policies += 1;
    yield { type: 'policy', version, rules };
  }
  const notes = checkpointNotes(tenant, tree);
  let next = await notes.next();
  for await (const row of reads.sealed(tenant, 0, size)) {
    counts.leaves += 1;
    const { leafIndex: index } = row;
    const isWhole = index >= from && index < to;
    yield { type: 'leaf', index, ...(isWhole ? entryOf(row) : { ...entryOf(row), canonical: null }) };
    for (; next.done !== true && next.value.treeSize <= index + 1; next = await notes.next()) {
      counts.checkpoints += 1;
      yield { type: 'checkpoint', note: next.value.note };
    }
  }
  for (; next.done !== true; next = await notes.next()) {
    counts.checkpoints += 1;
    yield { type: 'checkpoint', note: next.value.note };
  }
  for await (const row of reads.unsealed(tenant)) {
    counts.unsealed += 1;
    const { queued, canonical } = row;
    yield { type: 'unsealed', ...entryOf(row), canonical: canonical.toString('utf8'), queued };
  }
  for await (const action of reads.actions(tenant)) {
    counts.actions += 1;
    yield {
      type: 'action',
      id: action.id,
      status: action.status,
      decided_by_kind: action.decidedByKind,
      decided_by: action.decidedById,
      decided_at: action.decidedAt?.toISOString() ?? null,
      approvals: action.approvals,
      correlation_id: action.correlationId,
    };
  }
  yield { type: 'end', ...counts };
}

async function* checkpointNotes(
  tenant: Tenant,
  tree: TreeReads,
): AsyncGenerator<{ treeSize: number; note: string }, void> {
  let last = 0;
  for (let isMore = true; isMore;) {
    const page = await tree.checkpointsAfter(tenant, last, CHECKPOINTS);
    yield* page;
    last = page.at(-1)?.treeSize ?? last;
    isMore = page.length === CHECKPOINTS;
  }
}

function entryOf(row: EntryRow): {
  audit_id: number;
  leaf_hash: string;
  canonical: string | null;
  altered?: string[];
} {
  const canonical = row.canonical?.toString('utf8') ?? null;
  const altered = canonical === null ? [] : alteredColumns(canonical, row.columns);
  return {
    audit_id: row.auditId,
    leaf_hash: row.leafHash.toString('base64'),
    canonical,
    ...(altered.length > 0 && { altered }),
  };
}

/** Returns the columns that differ from the canonical bytes. If these are not a JSON object, every column does. */
function alteredColumns(canonical: string, columns: Readonly<Record<string, unknown>>): string[] {
  let told: Readonly<Record<string, unknown>> = {};
  try {
    told = JSON.parse(canonical) as Readonly<Record<string, unknown>>;
  } catch {
    // Every column is then reported below.
  }
  return Object.entries(columns)
    .filter(([name, value]) => sorted(told[name]) !== sorted(value))
    .map(([name]) => name);
}

/** Returns JSON with the keys of objects sorted, since PostgreSQL does not keep their order. */
function sorted(value: unknown): string {
  return JSON.stringify(value ?? null, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
      : part,
  );
}
