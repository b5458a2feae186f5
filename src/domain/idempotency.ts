import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json';
import type { Parsed } from './parsing';
import type { Principal } from './principal';
import type { Refusal } from './refusal';

/** The identity of a request under an idempotency key (docs/rest-api.md#idempotency-keys). */
export interface IdempotencyKey {
  readonly organizationId: number;
  /** Each principal has a separate set of keys. */
  readonly principalKind: Principal['kind'];
  readonly principalId: number;
  readonly key: string;
  /** SHA-256 of the request's content, in lower-case hex, the same over GraphQL and REST. */
  readonly requestHash: string;
}

/** An idempotency record: the hash of a request and its stored outcome, whose form depends on the kind of request. */
export interface IdempotencyRecord {
  readonly requestHash: string;
  readonly outcome: unknown;
}

/**
 * The source of an idempotency key: the client's own, or the correlation id of a submission by an API key
 * (docs/rest-api.md#idempotency-keys).
 */
export type IdempotencyKeySource = 'key' | 'correlation';

/** Returns the idempotency key of a principal's request, with the hash of its content. */
export function idempotencyKeyOf(
  principal: Principal,
  source: IdempotencyKeySource,
  key: string,
  request: Readonly<Record<string, unknown>>,
): IdempotencyKey {
  return {
    organizationId: principal.organizationId,
    principalKind: principal.kind,
    principalId: principal.kind === 'user' ? principal.user.id : principal.apiKeyId,
    key: `${source}:${key}`,
    requestHash: createHash('sha256').update(canonicalJson(request), 'utf8').digest('hex'),
  };
}

/** Printable ASCII (docs/rest-api.md#idempotency-keys). */
export const IDEMPOTENCY_KEY_PATTERN = '^[\\x20-\\x7e]{1,255}$';
const IDEMPOTENCY_KEY = new RegExp(IDEMPOTENCY_KEY_PATTERN);

/**
 * Reads an idempotency key: 1 to 255 printable ASCII characters. Absent and null mean none
 * (docs/rest-api.md#idempotency-keys).
 */
export function parseIdempotencyKey(raw: unknown, loc: readonly string[]): Parsed<string | null> {
  if (raw === undefined || raw === null) return { value: null };
  if (typeof raw === 'string' && IDEMPOTENCY_KEY.test(raw)) return { value: raw };
  return { faults: [{ loc, msg: 'must be 1 to 255 printable ASCII characters', type: 'key' }] };
}

/** Returns the refusal of a request whose idempotency key was used for a different request. */
export function refusalOfReusedKey({ key }: IdempotencyKey): Refusal {
  const [source, ...rest] = key.split(':');
  const what = source === 'key' ? 'idempotency key' : 'X-Correlation-ID';
  return {
    code: 'IDEMPOTENCY_KEY_REUSED',
    detail: `The ${what} ${rest.join(':')} was already used for another request; use a new one for each request`,
  };
}

/** The refusal of a request whose first attempt is still running. */
export const STILL_RUNNING: Refusal = {
  code: 'IDEMPOTENCY_CONFLICT',
  detail: 'The same request is still in progress; try again',
};
