import type { ApiKey } from '../../domain/api-key-grant';
import { table } from '../sql/table';

/** Without the key's hash, which only authentication reads. */
export const API_KEYS = table<ApiKey>('api_keys', {
  organizationId: { name: 'organization_id', type: 'bigint', primary: true },
  id: { type: 'bigint', primary: true },
  name: { type: 'text' },
  prefix: { type: 'text' },
  scopes: { type: 'text', array: true },
  ownerId: { name: 'owner_id', type: 'bigint' },
  createdById: { name: 'created_by', type: 'bigint', nullable: true },
  createdAt: { name: 'created_at', type: 'timestamptz', precision: 3 },
  expiresAt: { name: 'expires_at', type: 'timestamptz', precision: 3, nullable: true },
  revokedAt: { name: 'revoked_at', type: 'timestamptz', precision: 3, nullable: true },
  lastUsedAt: { name: 'last_used_at', type: 'timestamptz', precision: 3, nullable: true },
});
