import { apiKeyHash, apiKeyPrefix } from '../../domain/api-key';
import {
  apiKeyCreated,
  apiKeyRevoked,
  type ApiKey,
  type ApiKeyGrant,
  type KeyChanger,
} from '../../domain/api-key-grant';
import type { Tenant } from '../../domain/principal';
import { appendAuditEntry } from '../audit/audit-log.store';
import type { Sql } from '../sql/sql';
import { API_KEYS } from './api-key.table';
import { statement } from '../sql/statement';

const ADD_API_KEY = statement({
  name: 'add_api_key',
  text: `INSERT INTO api_keys AS t (organization_id, name, prefix, key_hash, scopes, owner_id, expires_at, created_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING ${API_KEYS.select('t')}`,
});

/** Locked first, so that of two concurrent revocations the second finds the key revoked. */
const LOCK_API_KEY = statement({
  name: 'lock_api_key',
  text: `SELECT ${API_KEYS.select('t')} FROM api_keys t WHERE t.organization_id = $1 AND t.id = $2 FOR NO KEY UPDATE`,
});

const REVOKE_API_KEY = statement({
  name: 'revoke_api_key',
  text: `UPDATE api_keys t SET revoked_at = date_trunc('milliseconds', statement_timestamp())
    WHERE t.organization_id = $1 AND t.id = $2 RETURNING ${API_KEYS.select('t')}`,
});

type Row = ApiKey & Record<string, unknown>;

/**
 * Stores the hash of a key, with the audit entry, in the caller's transaction.
 * @param key the plain key
 * @param ownerId a user of the tenant
 */
export async function addApiKey(
  sql: Sql,
  { organizationId }: Tenant,
  key: string,
  { name, scopes, expiresAt }: ApiKeyGrant,
  ownerId: number,
  by: KeyChanger,
): Promise<ApiKey> {
  const createdById = by.admin?.user.id ?? null;
  const values = [
    ...[organizationId, name, apiKeyPrefix(key), apiKeyHash(key), scopes, ownerId, expiresAt],
    createdById,
  ];
  const [added] = await sql.query<Row>(ADD_API_KEY, values);
  if (added === undefined) throw new Error('The API key was not added');
  await appendAuditEntry(sql, apiKeyCreated(added, by));
  return added;
}

/**
 * Revokes a key, with the audit entry, in the caller's transaction. A revoked key stays unchanged.
 * @returns the key after the change, or null if the tenant has no key with this id
 */
export async function revokeApiKey(
  sql: Sql,
  { organizationId }: Tenant,
  id: number,
  reason: string | null,
  by: KeyChanger,
): Promise<ApiKey | null> {
  const [known] = await sql.query<Row>(LOCK_API_KEY, [organizationId, id]);
  if (known === undefined) return null;
  if (known.revokedAt !== null) return known;
  const [revoked] = await sql.query<Row>(REVOKE_API_KEY, [organizationId, id]);
  if (revoked === undefined) throw new Error(`API key ${String(id)} was not revoked`);
  await appendAuditEntry(sql, apiKeyRevoked(revoked, by, reason));
  return revoked;
}
