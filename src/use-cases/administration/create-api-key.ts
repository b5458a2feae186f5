import { newApiKey } from '../../domain/api-key';
import { parseApiKeyGrant, type ApiKey } from '../../domain/api-key-grant';
import type { RequestOrigin } from '../../domain/audit-entry';
import { parseId } from '../../domain/parsing';
import type { Reviewer } from '../../domain/principal';
import { RefusedError, userNotFound, validationRefusal } from '../../domain/refusal';
import { asAdmin, type AdminStore } from './as-admin';

export interface ApiKeyRequest {
  readonly reviewer: Reviewer;
  readonly name: string;
  readonly scopes: readonly string[];
  /** Null for the reviewer's own key. */
  readonly ownerId: string | null;
  readonly expiresAt: Date | null;
  readonly origin: RequestOrigin;
}

/** A new key; it can be shown only once. */
export interface CreatedApiKey {
  readonly key: string;
  readonly apiKey: ApiKey;
}

export type CreateApiKey = (request: ApiKeyRequest) => Promise<CreatedApiKey>;

/**
 * Creates an API key. Only its hash is stored.
 * @throws {RefusedError} VALIDATION_ERROR with every fault, or for a deactivated owner; NOT_FOUND for an owner of
 * another organization; or see `asAdmin`
 */
export function makeCreateApiKey(store: AdminStore, clock: () => Date): CreateApiKey {
  return async ({ reviewer, ownerId: givenOwner, origin, ...given }) => {
    const grant = parseApiKeyGrant(given, clock());
    const owner = givenOwner === null ? { value: reviewer.user.id } : parseId(givenOwner, ['ownerId']);
    if (grant.faults !== undefined || owner.faults !== undefined)
      throw new RefusedError(validationRefusal([...(grant.faults ?? []), ...(owner.faults ?? [])]));
    const ownerId = owner.value;
    return asAdmin(store, reviewer, async (admin, writes) => {
      const { user } = await writes.person(ownerId);
      if (user === null) throw new RefusedError(userNotFound(ownerId));
      if (!user.active) throw new RefusedError(INACTIVE_OWNER);
      const key = newApiKey();
      return { key, apiKey: await writes.addApiKey(key, grant.value, ownerId, { admin, origin }) };
    });
  };
}

const INACTIVE_OWNER = validationRefusal([
  { loc: ['ownerId'], msg: 'is deactivated, so the key would be refused', type: 'inactive' },
]);
