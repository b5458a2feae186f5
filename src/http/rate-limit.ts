import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '../domain/principal';
import { RefusedError } from '../domain/refusal';
import { KnownCredentials } from './known-credentials';
import { WindowStore } from './window-store';

/** How authentication reports to the rate limits. */
export interface RateLimits {
  /** Counts a request for its authenticated principal. @throws {RefusedError} RATE_LIMIT_EXCEEDED */
  readonly count: (request: FastifyRequest) => Promise<void>;
  /** Reports that the request's credential was refused. */
  readonly refused: (request: FastifyRequest) => void;
}

const UNLIMITED: RateLimits = { count: () => Promise.resolve(), refused: () => undefined };

/** The window in milliseconds, which is the longest wait after a refusal (docs/rest-api.md#rate-limits). */
const WINDOW = 10_000;
/** How many principals, and how many addresses, are counted at a time. The oldest window is dropped first. */
const CACHE = 10_000;

/** The state of a principal's or an address's window. */
interface Standing {
  readonly max: number;
  readonly remaining: number;
  /** Milliseconds until the window ends. */
  readonly ttl: number;
  readonly isExceeded: boolean;
}

/**
 * Limits how many requests this process answers in a window of ten seconds. Requests with a valid credential count for
 * their principal, so that colleagues behind one address do not share a limit. All others count for their address,
 * which is refused before authentication once it exceeds the limit. Even then, a recently valid credential counts for
 * its principal, or a flood would lock out other users of the address. Probes are not limited.
 * Call before routes are added.
 * @param perMinute requests per minute; null for no limit
 * @param clock for X-RateLimit-Reset, and for the age of remembered credentials
 */
export async function limitRates(
  server: FastifyInstance,
  perMinute: number | null,
  clock: () => Date,
): Promise<RateLimits> {
  if (perMinute === null) return UNLIMITED;
  const max = Math.max(1, Math.floor((perMinute * WINDOW) / 60_000));
  await server.register(rateLimit, {
    global: false,
    max,
    timeWindow: WINDOW,
    cache: CACHE,
    store: WindowStore,
  });
  // Each limiter has its own store, so that many addresses cannot evict the counts of principals.
  const addresses = server.createRateLimit({ max });
  const owners = new WeakMap<FastifyRequest, string>();
  const principals = server.createRateLimit({ max, keyGenerator: (request) => owners.get(request) ?? '' });
  const standings = new WeakMap<FastifyRequest, Standing>();
  const known = new KnownCredentials();

  /** Uses the address from when the request arrived, since its socket may be gone by now. */
  const countAddress: typeof addresses = ({ address, routeOptions }, options) =>
    addresses({ ip: address ?? '', routeOptions } as FastifyRequest, options);
  const countOwner = async (request: FastifyRequest, owner: string): Promise<void> => {
    owners.set(request, owner);
    const standing = limited(await principals(request));
    standings.set(request, standing);
    if (standing.isExceeded) refuse(request, standing);
  };

  server.addHook('onRequest', async (request) => {
    if (isExempt(request)) return;
    const { remaining, ...standing } = limited(await countAddress(request, { increment: false }));
    if (remaining > 0) return;
    const owner = known.ownerOf(request.raw, clock().getTime());
    if (owner === null) refuse(request, { ...standing, remaining });
    else await countOwner(request, owner);
  });
  server.addHook('onSend', async (request, reply) => {
    if (isExempt(request)) return;
    const standing = standings.get(request) ?? limited(await countAddress(request));
    writeHeaders(reply, standing, clock());
  });
  const refuse = (request: FastifyRequest, standing: Standing): never => {
    standings.set(request, standing);
    const detail = `More than ${String(max)} requests in ${String(WINDOW / 1_000)} seconds`;
    throw new RefusedError({ code: 'RATE_LIMIT_EXCEEDED', detail });
  };
  return {
    count: async (request) => {
      const owner = keyOf(request.principal);
      known.remember(request.raw, owner, clock().getTime());
      if (owners.get(request) !== owner) await countOwner(request, owner);
    },
    refused: ({ raw }) => {
      known.forget(raw);
    },
  };
}

/** Probes must always be answered. Preflights are sent by the browser, not by the caller. */
function isExempt({ method, routeOptions }: FastifyRequest): boolean {
  return method === 'OPTIONS' || routeOptions.config.probe === true;
}

/** Narrows the limiter's result. `isAllowed` would mean an allow list, which is not used. */
function limited(
  counted: { readonly isAllowed: true } | ({ readonly isAllowed: false } & Standing),
): Standing {
  if (counted.isAllowed) throw new Error('A request was not counted');
  return counted;
}

function keyOf(principal: Principal | null): string {
  if (principal === null) throw new Error('Nobody was authenticated');
  return principal.kind === 'user'
    ? `user:${String(principal.user.id)}`
    : `api_key:${String(principal.apiKeyId)}`;
}

function writeHeaders(reply: FastifyReply, { max, remaining, ttl }: Standing, now: Date): void {
  const after = Math.max(1, Math.ceil(ttl / 1_000));
  reply
    .header('X-RateLimit-Limit', max)
    .header('X-RateLimit-Remaining', remaining)
    .header('X-RateLimit-Reset', Math.ceil((now.getTime() + ttl) / 1_000))
    .header('X-RateLimit-Reset-After', after);
  if (reply.statusCode === 429) reply.header('Retry-After', after);
}
