import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { LRUCache } from 'lru-cache';
import { valuesOf } from './request-headers';

/** How long a credential is remembered after its last successful use, in milliseconds. */
const REMEMBERED = 60 * 60_000;
/** The most credentials that are remembered. */
const MAX_CREDENTIALS = 10_000;
/** The most credentials per principal, so that nobody can evict those of others. */
const MAX_OF_ONE = 8;
/** The longest credential, in characters. No valid one is longer, so a longer one is not hashed. */
const MAX_LENGTH = 16_384;

/**
 * Remembers the hashes of credentials that were valid recently, and their owners. It authenticates nobody: each request
 * is authenticated anyway. It lets the rate limit tell known callers from a flood that comes from the same address.
 */
export class KnownCredentials {
  private readonly known = new LRUCache<string, { readonly owner: string; readonly at: number }>({
    max: MAX_CREDENTIALS,
    dispose: ({ owner }, credential) => {
      const own = this.ofOwner.get(owner);
      own?.delete(credential);
      if (own?.size === 0) this.ofOwner.delete(owner);
    },
  });
  /** The hashes of each owner's credentials, least recently used first. */
  private readonly ofOwner = new Map<string, Set<string>>();

  /** Remembers the owner of a request's valid credential. @param now milliseconds */
  remember(request: IncomingMessage, owner: string, now: number): void {
    const credential = hashOf(request);
    if (credential === null) return;
    this.known.set(credential, { owner, at: now });
    const own = this.ofOwner.get(owner) ?? new Set();
    this.ofOwner.set(owner, own.add(credential));
    const [oldest] = own;
    if (own.size > MAX_OF_ONE && oldest !== undefined) this.known.delete(oldest);
  }

  /** Returns the owner of the request's credential if it was valid recently; otherwise null. */
  ownerOf(request: IncomingMessage, now: number): string | null {
    const credential = hashOf(request);
    const found = credential === null ? undefined : this.known.peek(credential);
    const age = now - (found?.at ?? -Infinity);
    return found !== undefined && age >= 0 && age < REMEMBERED ? found.owner : null;
  }

  /** Forgets a credential that is no longer valid. */
  forget(request: IncomingMessage): void {
    const credential = hashOf(request);
    if (credential !== null) this.known.delete(credential);
  }
}

/** Returns the hash of all headers that authentication reads; null if there are none, or if they are too long. */
function hashOf(request: IncomingMessage): string | null {
  const presented = JSON.stringify([valuesOf(request, 'authorization'), valuesOf(request, 'x-api-key')]);
  return presented === '[[],[]]' || presented.length > MAX_LENGTH
    ? null
    : hash('sha256', presented, 'base64');
}
