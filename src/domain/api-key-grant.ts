import { auditActorOf, SYSTEM_ACTOR, type AuditEntryDraft, type RequestOrigin } from './audit-entry';
import type { Parsed } from './parsing';
import type { Reviewer } from './principal';
import { API_KEY_SCOPES, type ApiKeyScope } from './role';
import type { InputFault } from './refusal';
import { isBlank } from './text';

/** The scopes of a key that is created without any. */
export const DEFAULT_API_KEY_SCOPES: readonly ApiKeyScope[] = ['actions:submit', 'actions:read'];

const MAX_NAME_LENGTH = 100;

/** What the creator of a key specifies, apart from its owner. */
export interface ApiKeyGrant {
  readonly name: string;
  readonly scopes: readonly ApiKeyScope[];
  /** Null for never. */
  readonly expiresAt: Date | null;
}

/** An API key as it can be shown. The key itself is not stored and never part of this. */
export interface ApiKey extends ApiKeyGrant {
  readonly organizationId: number;
  readonly id: number;
  /** The first characters of the key, to distinguish keys in a list. */
  readonly prefix: string;
  /** The user who answers for the key. Deactivating the owner disables it. */
  readonly ownerId: number;
  /** The admin who created the key; null for a key that an operator created. */
  readonly createdById: number | null;
  readonly createdAt: Date;
  readonly revokedAt: Date | null;
  /** To the minute; null for never. */
  readonly lastUsedAt: Date | null;
}

/** Reads the specification of a new key, or reports every fault in it. */
export function parseApiKeyGrant(
  given: { readonly name: string; readonly scopes: readonly string[]; readonly expiresAt: Date | null },
  now: Date,
): Parsed<ApiKeyGrant> {
  const { expiresAt } = given;
  const name = given.name.trim();
  const scopes = API_KEY_SCOPES.filter((scope) => given.scopes.includes(scope));
  const isKnown = given.scopes.every((scope) => (API_KEY_SCOPES as readonly string[]).includes(scope));
  const faults: InputFault[] = [];
  const check = (argument: string, isRight: boolean, msg: string, type: string): void => {
    if (!isRight) faults.push({ loc: [argument], msg, type });
  };
  const length = Array.from(name).length;
  check('name', length >= 1 && length <= MAX_NAME_LENGTH, 'must have 1 to 100 characters', 'length');
  check('name', length === 0 || !isBlank(name), 'must not be blank', 'blank');
  // A list shows the name in one line.
  check('name', name.isWellFormed() && !/\p{Cc}/u.test(name), 'must be plain text in one line', 'unicode');
  check('scopes', isKnown && scopes.length > 0, `must contain only ${API_KEY_SCOPES.join(', ')}`, 'enum');
  check('expiresAt', expiresAt === null || expiresAt > now, 'must be in the future', 'range');
  return faults.length > 0 ? { faults } : { value: { name, scopes, expiresAt } };
}

/** Who creates or revokes a key: an admin, or an operator at the command line. */
export interface KeyChanger {
  /** Null for an operator. */
  readonly admin: Reviewer | null;
  readonly origin: RequestOrigin;
}

/** Returns the audit entry of a new key. */
export function apiKeyCreated(key: ApiKey, by: KeyChanger): AuditEntryDraft {
  const { id, name, ownerId } = key;
  const details = `API key ${String(id)} (${name}) created for user ${String(ownerId)}`;
  return entryOf('api_key_created', key, by, details, null);
}

/** Returns the audit entry of a revoked key. */
export function apiKeyRevoked(key: ApiKey, by: KeyChanger, reason: string | null): AuditEntryDraft {
  return entryOf('api_key_revoked', key, by, `API key ${String(key.id)} (${key.name}) revoked`, reason);
}

function entryOf(
  actionType: 'api_key_created' | 'api_key_revoked',
  { organizationId, id, name, prefix, ownerId, scopes, expiresAt }: ApiKey,
  { admin, origin }: KeyChanger,
  details: string,
  reason: string | null,
): AuditEntryDraft {
  return {
    organizationId,
    actionType,
    actor: admin === null ? SYSTEM_ACTOR : auditActorOf(admin),
    details,
    origin,
    reason,
    data: {
      api_key_id: id,
      name,
      prefix,
      owner_id: ownerId,
      scopes,
      expires_at: expiresAt?.toISOString() ?? null,
    },
  };
}
