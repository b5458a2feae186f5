import type { ApiKey } from '../../domain/api-key-grant';
import type { RequestOrigin } from '../../domain/audit-entry';
import { parseId, parseReason } from '../../domain/parsing';
import type { Reviewer } from '../../domain/principal';
import { apiKeyNotFound, RefusedError, validationRefusal } from '../../domain/refusal';
import { asAdmin, type AdminStore } from './as-admin';

export interface ApiKeyRevocation {
  readonly reviewer: Reviewer;
  readonly apiKeyId: string;
  readonly reason: string | null;
  readonly origin: RequestOrigin;
}

export type RevokeApiKey = (revocation: ApiKeyRevocation) => Promise<ApiKey>;

/**
 * Revokes an API key permanently, from its next request on. A revoked key stays unchanged.
 * @returns the key after the change
 * @throws {RefusedError} VALIDATION_ERROR with every fault, NOT_FOUND, or see `asAdmin`
 */
export function makeRevokeApiKey(store: AdminStore): RevokeApiKey {
  return async ({ reviewer, apiKeyId: givenId, reason: given, origin }) => {
    const [id, reason] = [parseId(givenId, ['id']), parseReason(given, ['reason'])];
    if (id.faults !== undefined || reason.faults !== undefined)
      throw new RefusedError(validationRefusal([...(id.faults ?? []), ...(reason.faults ?? [])]));
    const [apiKeyId, why] = [id.value, reason.value];
    return asAdmin(store, reviewer, async (admin, writes) => {
      const apiKey = await writes.revokeApiKey(apiKeyId, why, { admin, origin });
      if (apiKey === null) throw new RefusedError(apiKeyNotFound(apiKeyId));
      return apiKey;
    });
  };
}
