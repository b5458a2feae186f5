import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json';
import type { Parsed } from './decision-request';
import type { Principal } from './principal';
import type { Refusal } from './refusal';

/** What makes a request known again when it is repeated (docs/rest-api.md#idempotency-keys). */
export interface RetryKey {
  readonly organizationId: number;
  /** Keys of different principals never meet. */
  readonly principalKind: Principal['kind'];
  readonly principalId: number;
  readonly key: string;
  /** SHA-256 of what was asked for, in lower-case hex, the same through either door. */
  readonly requestHash: string;
}

/** A request that is known, with what came of it as its kind of request wrote that down. */
export interface KnownRequest {
  readonly requestHash: string;
  readonly outcome: unknown;
}

/** Where keys come from: the client's own, and of submissions by an API key the correlation id (docs/rest-api.md#idempotency-keys). */
export type RetrySource = 'key' | 'correlation';

/** The key of a request, by its principal. */
export function retryKeyOf(
  principal: Principal,
  source: RetrySource,
  key: string,
  request: Readonly<Record<string, unknown>>,
): RetryKey {
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

/** Reads an idempotency key: 1 to 255 printable ASCII characters; absent and null are none (docs/rest-api.md#idempotency-keys). */
export function parseIdempotencyKey(raw: unknown, loc: readonly string[]): Parsed<string | null> {
  if (raw === undefined || raw === null) return { value: null };
  if (typeof raw === 'string' && IDEMPOTENCY_KEY.test(raw)) return { value: raw };
  return { faults: [{ loc, msg: 'must be 1 to 255 printable ASCII characters', type: 'key' }] };
}

/** The refusal of another request under a key that is taken. */
export function refusalOfReusedKey({ key }: RetryKey): Refusal {
  const [source, ...rest] = key.split(':');
  const what = source === 'key' ? 'idempotency key' : 'X-Correlation-ID';
  return {
    code: 'IDEMPOTENCY_KEY_REUSED',
    detail: `The ${what} ${rest.join(':')} was used for another request already; use a new one for each`,
  };
}

/** The refusal of a request whose first attempt is still under way. */
export const STILL_RUNNING: Refusal = {
  code: 'IDEMPOTENCY_CONFLICT',
  detail: 'The same request is still being worked on; try again',
};
