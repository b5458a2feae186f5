import type { IncomingMessage } from 'node:http';
import { apiKeyPrefix, isApiKey, matchesApiKey } from '../domain/api-key';
import type { Agent, Principal, Reviewer } from '../domain/principal';
import { RefusedError, type Refusal } from '../domain/refusal';
import type { ApiKeyUses } from '../persistence/api-key-uses';
import type { PrincipalReads } from '../persistence/principals.reads';
import { INVALID_TOKEN } from '../use-cases/reviewer-now';
import { valuesOf } from './request-headers';
import type { VerifiedToken, VerifyToken } from './token-verifier';

/** Who is calling, by the request's headers as they came; null where no credential was presented. */
export type Authenticate = (request: IncomingMessage) => Promise<Principal | null>;

/** Said only of a token that would count otherwise (contract 4). */
const EXPIRED_TOKEN: Refusal = { code: 'EXPIRED_TOKEN', detail: 'Token has expired' };
const INVALID_API_KEY: Refusal = { code: 'INVALID_API_KEY', detail: 'Invalid API key' };
const EXPIRED_API_KEY: Refusal = { code: 'EXPIRED_API_KEY', detail: 'API key has expired' };
const REVOKED_API_KEY: Refusal = { code: 'REVOKED_API_KEY', detail: 'API key has been revoked' };

/**
 * Makes the one place where a credential becomes a principal. A JWT comes as `Authorization: Bearer`; an API key as
 * `X-API-Key` or as Bearer. Where both are presented the JWT counts, unless what stands in Authorization is no JWT.
 * The function throws RefusedError for a credential that is presented and does not count.
 */
export function makeAuthenticate(
  principals: PrincipalReads,
  uses: ApiKeyUses,
  verifyToken: VerifyToken,
  clock: () => Date,
): Authenticate {
  return async (request) => {
    // Of two, a proxy in front of us may have checked the other one.
    const [authorization, ...more] = valuesOf(request, 'authorization');
    if (more.length > 0) throw new RefusedError(INVALID_TOKEN);
    const keys = valuesOf(request, 'x-api-key');
    const headerKey = keys.length === 0 ? undefined : keys.join();
    const bearer =
      authorization === undefined ? undefined : (/^Bearer +(\S+) *$/i.exec(authorization)?.[1] ?? '');
    const key = bearer !== undefined && isApiKey(bearer) ? bearer : headerKey;
    const isJwt = bearer?.split('.').length === 3;
    if (key !== undefined && !isJwt) {
      const now = clock();
      const agent = await agentOf(key, principals, now);
      uses.note(agent, agent.apiKeyId, now);
      return agent;
    }
    return bearer === undefined ? null : reviewerOf(bearer, principals, verifyToken, clock());
  };
}

async function reviewerOf(
  token: string,
  principals: PrincipalReads,
  verifyToken: VerifyToken,
  now: Date,
): Promise<Reviewer> {
  const verified = await verifyToken(token, now);
  const reviewer = verified && (await personOf(verified, principals));
  // One answer for the forged, the unknown and the deactivated, so that a token tells nobody which it is.
  if (verified === null || reviewer?.user.active !== true) throw new RefusedError(INVALID_TOKEN);
  if (verified.expiresAt <= now) throw new RefusedError(EXPIRED_TOKEN);
  return reviewer;
}

/** The person whom a verified token names, in an organization that its issuer may speak for. */
async function personOf(
  { issuer: { issuer, organizationId }, identity }: VerifiedToken,
  principals: PrincipalReads,
): Promise<Reviewer | null> {
  const reviewer =
    'subject' in identity
      ? await principals.reviewerByIdentity(issuer, identity.subject)
      : await principals.reviewerById(identity.organizationId, identity.userId);
  return organizationId === null || reviewer?.organizationId === organizationId ? reviewer : null;
}

async function agentOf(key: string, principals: PrincipalReads, now: Date): Promise<Agent> {
  const candidates = isApiKey(key) ? await principals.apiKeysByPrefix(apiKeyPrefix(key)) : [];
  const stored = candidates.find(({ keyHash }) => matchesApiKey(key, keyHash));
  if (stored?.ownerActive !== true) throw new RefusedError(INVALID_API_KEY);
  if (stored.revokedAt !== null) throw new RefusedError(REVOKED_API_KEY);
  if (stored.expiresAt !== null && stored.expiresAt <= now) throw new RefusedError(EXPIRED_API_KEY);
  const { organizationId, id, name, scopes, ownerId, policy } = stored;
  return { kind: 'api_key', organizationId, apiKeyId: id, name, scopes, ownerId, policy };
}
