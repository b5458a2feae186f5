import type { IncomingMessage } from 'node:http';
import { apiKeyPrefix, isApiKey, matchesApiKey } from '../domain/api-key';
import type { Agent, Principal, Reviewer } from '../domain/principal';
import type { Refusal } from '../domain/refusal';
import type { ApiKeyUses } from '../persistence/people/api-key-uses';
import type { PrincipalReads } from '../persistence/people/principals.reads';
import { INVALID_TOKEN } from '../use-cases/decisions/reviewer-now';
import { CredentialRefusedError, type FaultDetails } from './credential-fault';
import { valuesOf } from './request-headers';
import type { VerifiedToken, VerifyToken } from './token-verifier';

/**
 * Returns the principal behind a request's raw headers; null if there is no credential.
 * @throws {CredentialRefusedError} for a credential that is invalid or cannot be verified
 */
export type Authenticate = (request: IncomingMessage) => Promise<Principal | null>;

/** Only for a token that is otherwise valid (docs/rest-api.md#errors). */
const EXPIRED_TOKEN: Refusal = { code: 'EXPIRED_TOKEN', detail: 'Token has expired' };
const INVALID_API_KEY: Refusal = { code: 'INVALID_API_KEY', detail: 'Invalid API key' };
const EXPIRED_API_KEY: Refusal = { code: 'EXPIRED_API_KEY', detail: 'API key has expired' };
const REVOKED_API_KEY: Refusal = { code: 'REVOKED_API_KEY', detail: 'API key has been revoked' };

/**
 * Creates the only function that turns credentials into principals. A JWT is sent as `Authorization: Bearer`, an API
 * key as `X-API-Key` or as Bearer. If both are sent, the JWT counts. If Authorization holds no JWT, the API key counts.
 */
export function makeAuthenticate(
  principals: PrincipalReads,
  uses: ApiKeyUses,
  verifyToken: VerifyToken,
  clock: () => Date,
): Authenticate {
  return async (request) => {
    // With two values, a proxy in front of the gateway may have checked the other one.
    const [authorization, ...more] = valuesOf(request, 'authorization');
    if (more.length > 0) throw new CredentialRefusedError(INVALID_TOKEN, 'authorization_twice');
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
    if (bearer === '') throw new CredentialRefusedError(INVALID_TOKEN, 'not_bearer');
    return bearer === undefined ? null : reviewerOf(bearer, principals, verifyToken, clock());
  };
}

async function reviewerOf(
  token: string,
  principals: PrincipalReads,
  verifyToken: VerifyToken,
  now: Date,
): Promise<Reviewer> {
  // The same refusal for forged tokens and for unknown or deactivated users, so that a caller cannot tell them apart.
  const verified = await verifyToken(token, now);
  if ('fault' in verified) throw new CredentialRefusedError(INVALID_TOKEN, verified.fault, verified.details);
  const details = detailsOf(verified);
  const reviewer = await personOf(verified, principals);
  if (reviewer === null) throw new CredentialRefusedError(INVALID_TOKEN, 'subject_not_provisioned', details);
  const { organizationId } = verified.issuer;
  if (organizationId !== null && reviewer.organizationId !== organizationId)
    throw new CredentialRefusedError(INVALID_TOKEN, 'organization_of_another_issuer', details);
  if (!reviewer.user.active) throw new CredentialRefusedError(INVALID_TOKEN, 'deactivated', details);
  const { expiresAt } = verified;
  if (expiresAt <= now)
    throw new CredentialRefusedError(EXPIRED_TOKEN, 'expired', { ...details, at: expiresAt });
  return reviewer;
}

function detailsOf({ issuer: { issuer }, identity }: VerifiedToken): FaultDetails {
  return { issuer, ...identity };
}

/** Reads the user whom a verified token identifies; null if there is none. */
function personOf(
  { issuer: { issuer }, identity }: VerifiedToken,
  principals: PrincipalReads,
): Promise<Reviewer | null> {
  return 'subject' in identity
    ? principals.reviewerByIdentity(issuer, identity.subject)
    : principals.reviewerById(identity.organizationId, identity.userId);
}

async function agentOf(key: string, principals: PrincipalReads, now: Date): Promise<Agent> {
  if (!isApiKey(key)) throw new CredentialRefusedError(INVALID_API_KEY, 'api_key_malformed');
  const candidates = await principals.apiKeysByPrefix(apiKeyPrefix(key));
  const stored = candidates.find(({ keyHash }) => matchesApiKey(key, keyHash));
  if (stored === undefined) throw new CredentialRefusedError(INVALID_API_KEY, 'api_key_unknown');
  const { organizationId, id, name, scopes, ownerId, createdById, policy, revokedAt, expiresAt } = stored;
  const details = { organizationId, apiKeyId: id };
  if (!stored.ownerActive)
    throw new CredentialRefusedError(INVALID_API_KEY, 'api_key_owner_deactivated', {
      ...details,
      userId: ownerId,
    });
  if (revokedAt !== null)
    throw new CredentialRefusedError(REVOKED_API_KEY, 'api_key_revoked', { ...details, at: revokedAt });
  if (expiresAt !== null && expiresAt <= now)
    throw new CredentialRefusedError(EXPIRED_API_KEY, 'api_key_expired', { ...details, at: expiresAt });
  return { kind: 'api_key', organizationId, apiKeyId: id, name, scopes, ownerId, createdById, policy };
}
