import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '../domain/principal';
import { RefusedError } from '../domain/refusal';
import { KnownCredentials } from './known-credentials';
import { WindowStore } from './window-store';

/** What the limits are told of authentication. */
export interface RateLimits {
  /** Counts a request of a principal that is known now. @throws {RefusedError} RATE_LIMIT_EXCEEDED */
  readonly count: (request: FastifyRequest) => Promise<void>;
  /** Takes notice of a credential that does not count. */
  readonly refused: (request: FastifyRequest) => void;
}

const UNLIMITED: RateLimits = { count: () => Promise.resolve(), refused: () => undefined };

/** In milliseconds: so nobody who is refused waits longer than ten seconds (docs/rest-api.md#rate-limits). */
const WINDOW = 10_000;
/** How many principals, and how many addresses, are counted at a time; whoever came last goes on. */
const CACHE = 10_000;

/** Where somebody stands in their window. */
interface Standing {
  readonly max: number;
  readonly remaining: number;
  /** Milliseconds to the window's end. */
  readonly ttl: number;
  readonly isExceeded: boolean;
}

/**
 * Limits how many requests this process answers in a window of ten seconds. Whoever brings a credential that counts is
 * limited by who they are, so that colleagues behind one address do not share a limit; whatever else an address sends is
 * counted for the address, which is refused before authentication once it sent too much of it. A credential that counted
 * a while ago is counted for its principal even then, or whoever floods would lock out their neighbours. Probes are not
 * limited. Call before routes are added.
 * @param perMinute null for no limit
 * @param clock for X-RateLimit-Reset
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
  // Each has a store of its own: many addresses cannot push out what principals have used.
  const addresses = server.createRateLimit({ max });
  const owners = new WeakMap<FastifyRequest, string>();
  const principals = server.createRateLimit({ max, keyGenerator: (request) => owners.get(request) ?? '' });
  const standings = new WeakMap<FastifyRequest, Standing>();
  const known = new KnownCredentials();

  /** By the address as it was when the request came: its socket may be gone by now. */
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

/** Probes have to be answered whatever else is going on; a preflight is the browser's, not the caller's. */
function isExempt({ method, routeOptions }: FastifyRequest): boolean {
  return method === 'OPTIONS' || routeOptions.config.probe === true;
}

/** What the limiter says of a request; it knows nobody who is let past it. */
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
