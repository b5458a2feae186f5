import type { Action } from '../../domain/action';
import type { Tenant } from '../../domain/principal';
import type { PolicyRules } from '../../domain/policy';
import type { Sql, Statement } from '../sql/sql';
import { readPolicy } from '../policy/stored-policy';
import { POLICIES, type StoredPolicy } from '../policy/policy.table';
import { statement } from '../sql/statement';

/** Page size, in rows: small enough for V8 to free pages in the young generation, before they pile up. */
const PAGE = 200;

/** An entry's row with its canonical bytes and its expected leaf hash. */
export interface EntryRow {
  readonly auditId: number;
  /** From the tree; from the row where the entry is not in the tree. */
  readonly leafHash: Buffer;
  /** Null where the row is missing, as is `columns`. */
  readonly canonical: Buffer | null;
  /** The columns under their names in the canonical bytes. */
  readonly columns: Readonly<Record<string, unknown>>;
}

export type SealedRow = EntryRow & { readonly leafIndex: number };
export type UnsealedRow = EntryRow & { readonly canonical: Buffer; readonly queued: boolean };

/** An action's end state, as stored. */
export type ActionState = Pick<
  Action,
  'id' | 'status' | 'decidedByKind' | 'decidedById' | 'decidedAt' | 'approvals' | 'correlationId'
>;

/** SQL for the row as one JSON object. Commitments are recomputed from their values, unless these were erased. */
const COLUMNS = `jsonb_build_object(
    'audit_id', l.id, 'organization_id', l.organization_id, 'action_type', l.action_type,
    'timestamp', to_char(l."timestamp" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'actor_kind', l.actor_kind, 'actor_id', l.actor_id, 'on_behalf_of', l.on_behalf_of, 'action_id', l.action_id,
    'verdict', l.verdict, 'reason', l.reason, 'refusal_code', l.refusal_code, 'risk_score', l.risk_score,
    'required_level', l.required_level, 'held_level', l.held_level, 'policy_version', l.policy_version,
    'approvals_received', l.approvals_received, 'approvals_required', l.approvals_required, 'details', l.details,
    'correlation_id', l.correlation_id, 'client_correlation_id', l.client_correlation_id, 'data', l.data)
  || CASE WHEN l.ip_address IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('ip_commitment',
    encode(sha256(l.ip_salt || convert_to(l.ip_address, 'UTF8')), 'hex')) END
  || CASE WHEN l.user_agent IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('user_agent_commitment',
    encode(sha256(l.user_agent_salt || convert_to(l.user_agent, 'UTF8')), 'hex')) END
  || CASE WHEN l.leaf_hash = sha256(decode('00', 'hex') || l.canonical) THEN '{}'::jsonb ELSE '{"leaf_hash": false}'::jsonb END`;

const SEALED = statement({
  name: 'sealed_entries',
  share: 'read',
  text: `SELECT leaf.leaf_index AS "leafIndex", leaf.audit_id AS "auditId", leaf.leaf_hash AS "leafHash",
      l.canonical, CASE WHEN l.id IS NOT NULL THEN ${COLUMNS} END AS columns
    FROM audit_leaf leaf
      LEFT JOIN audit_log l ON l.organization_id = $1 AND l.id = leaf.audit_id
    WHERE leaf.organization_id = $1 AND leaf.leaf_index >= $2 AND leaf.leaf_index < $3
    ORDER BY leaf.leaf_index LIMIT ${String(PAGE)}`,
});

const UNSEALED = statement({
  name: 'unsealed_entries',
  share: 'read',
  text: `SELECT l.id AS "auditId", l.leaf_hash AS "leafHash", l.canonical, ${COLUMNS} AS columns,
      EXISTS (SELECT FROM audit_pending p WHERE p.organization_id = $1 AND p.audit_id = l.id) AS queued
    FROM audit_log l
    WHERE l.organization_id = $1 AND l.id > $2
      AND NOT EXISTS (SELECT FROM audit_leaf leaf WHERE leaf.organization_id = $1 AND leaf.audit_id = l.id)
    ORDER BY l.id LIMIT ${String(PAGE)}`,
});

const ALL_POLICIES = statement({
  name: 'all_policies',
  share: 'read',
  text: `SELECT ${POLICIES.select('t')} FROM approval_policies t WHERE t.organization_id = $1 ORDER BY t.version`,
});

const ACTION_STATES = statement({
  name: 'action_states',
  share: 'read',
  text: `SELECT id, status, decided_by_kind AS "decidedByKind", decided_by AS "decidedById", decided_at AS "decidedAt",
      approvals, correlation_id AS "correlationId"
    FROM actions WHERE organization_id = $1 AND id > $2 ORDER BY id LIMIT ${String(PAGE)}`,
});

/** Reads the parts of a bundle, page by page. Use one snapshot, or the parts would not agree. */
export class BundleReads {
  constructor(private readonly sql: Sql) {}

  /** Returns every policy version, lowest first. */
  async policies({ organizationId }: Tenant): Promise<readonly { version: number; rules: PolicyRules }[]> {
    const rows = await this.sql.query<StoredPolicy & Record<string, unknown>>(ALL_POLICIES, [organizationId]);
    return rows.map(({ id, document }) => {
      const { version, ...rules } = readPolicy(id, document);
      return { version, rules };
    });
  }

  /** Yields the leaves from one index, inclusive, to another, exclusive, in their order. */
  sealed({ organizationId }: Tenant, from: number, to: number): AsyncIterable<SealedRow> {
    return this.pages<SealedRow>(SEALED, (last) => [
      organizationId,
      last === null ? from : last.leafIndex + 1,
      to,
    ]);
  }

  /** Yields the entries that are not in the tree, by id. */
  unsealed({ organizationId }: Tenant): AsyncIterable<UnsealedRow> {
    return this.pages<UnsealedRow>(UNSEALED, (last) => [organizationId, last?.auditId ?? 0]);
  }

  /** Yields every action as stored, by id. */
  actions({ organizationId }: Tenant): AsyncIterable<ActionState> {
    return this.pages<ActionState>(ACTION_STATES, (last) => [organizationId, last?.id ?? 0]);
  }

  private async *pages<Row extends object>(
    statement: Statement,
    valuesAfter: (last: Row | null) => readonly unknown[],
  ): AsyncIterable<Row> {
    let last: Row | null = null;
    do {
      const rows: readonly Row[] = await this.sql.query<Row & Record<string, unknown>>(
        statement,
        valuesAfter(last),
      );
      for (const row of rows) yield row;
      last = rows.length < PAGE ? null : (rows.at(-1) ?? null);
    } while (last !== null);
  }
}
