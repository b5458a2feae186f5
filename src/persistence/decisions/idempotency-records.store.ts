import type { IdempotencyRecord, IdempotencyKey } from '../../domain/idempotency';
import type { Sql } from '../sql/sql';
import { outdatedRows, purge } from '../sql/purge';
import { statement } from '../sql/statement';

/** State of an idempotency key: held by this transaction, used by a stored request, or in progress elsewhere. */
export type Claim = 'held' | 'used' | 'busy';

/**
 * Returns SQL that claims an idempotency key until the transaction ends; null where there is no key. It tries the lock
 * rather than waiting, because after a wait on the unique index the statement would still read its old snapshot. A
 * record that commits between the snapshot and the lock violates that index, which undoes the statement; the caller
 * then looks the key up.
 */
export function claimSql(organization: string, kind: string, id: string, key: string): string {
  return `CASE WHEN ${key} IS NULL THEN NULL
    WHEN EXISTS (SELECT FROM idempotency_keys k WHERE k.organization_id = ${organization} AND k.principal_kind = ${kind}
      AND k.principal_id = ${id} AND k.key = ${key}) THEN 'used'
    WHEN pg_try_advisory_xact_lock(hashtextextended(concat_ws('/', ${organization}::text, ${kind}, ${id}::text, ${key}), 0))
      THEN 'held'
    ELSE 'busy' END`;
}

/** Returns SQL for a time in an outcome: UTC with milliseconds. */
export function outcomeTimeSql(at: string): string {
  return `to_char(${at} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}

const CLAIM = statement({
  name: 'claim_idempotency_key',
  text: `SELECT ${claimSql('$1::bigint', '$2::text', '$3::bigint', '$4::text')} AS claim`,
});

const FIND = statement({
  name: 'find_known_request',
  text: `SELECT request_hash AS "requestHash", outcome FROM idempotency_keys
    WHERE organization_id = $1 AND principal_kind = $2 AND principal_id = $3 AND key = $4`,
});

const REMEMBER = statement({
  name: 'remember_request',
  text: `INSERT INTO idempotency_keys (organization_id, principal_kind, principal_id, key, request_hash, outcome, created_at)
    VALUES ($1, $2, $3, $4, $5, $6::jsonb, date_trunc('milliseconds', clock_timestamp()))`,
});

const OUTDATED = outdatedRows({
  table: 'idempotency_keys',
  key: { principal_kind: 'text', principal_id: 'bigint', key: 'text' },
  isOutdated: `created_at < now() - interval '24 hours'`,
  age: 'created_at',
});

/** Claims an idempotency key within a transaction. A later read of the key sees what its previous holder committed. */
export async function claimKey(sql: Sql, idempotencyKey: IdempotencyKey): Promise<Claim> {
  const [row] = await sql.query<{ claim: Claim }>(CLAIM, identityOf(idempotencyKey));
  if (row === undefined) throw new Error('A key was neither free nor taken');
  return row.claim;
}

export async function findRecord(
  sql: Sql,
  idempotencyKey: IdempotencyKey,
): Promise<IdempotencyRecord | null> {
  const [row] = await sql.query<IdempotencyRecord & Record<string, unknown>>(
    FIND,
    identityOf(idempotencyKey),
  );
  return row ?? null;
}

/** Stores a request's outcome under its idempotency key, in the transaction of the operation. */
export async function storeRecord(sql: Sql, idempotencyKey: IdempotencyKey, outcome: unknown): Promise<void> {
  await sql.query(REMEMBER, [
    ...identityOf(idempotencyKey),
    idempotencyKey.requestHash,
    JSON.stringify(outcome),
  ]);
}

/** Deletes idempotency records older than a day, a thousand at a time. */
export async function purgeIdempotencyRecords(sql: Sql, signal: AbortSignal): Promise<void> {
  await purge(sql, OUTDATED, signal);
}

function identityOf({ organizationId, principalKind, principalId, key }: IdempotencyKey): readonly unknown[] {
  return [organizationId, principalKind, principalId, key];
}
