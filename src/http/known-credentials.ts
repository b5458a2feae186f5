import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { valuesOf } from './request-headers';

/** How long a credential stays known after it last counted, in milliseconds. */
const REMEMBERED = 60 * 60_000;
/** Credentials at most that are known. */
const MAX_CREDENTIALS = 10_000;
/** Credentials at most of one principal, so that nobody pushes out the others by making many. */
const MAX_OF_ONE = 8;
/** No credential that counts is longer; a longer one is not hashed. */
const MAX_LENGTH = 16_384;

/**
 * Remembers which credentials counted a while ago, and whose they were: hashes, never the credentials. It vouches for
 * nobody, as each request is authenticated all the same; it tells a neighbour from whoever floods.
 */
export class KnownCredentials {
  /** In the order in which they last counted. */
  private readonly known = new Map<string, { readonly owner: string; readonly at: number }>();
  private readonly ofOwner = new Map<string, Set<string>>();

  /** @param now milliseconds */
  remember(request: IncomingMessage, owner: string, now: number): void {
    const credential = hashOf(request);
    if (credential === null) return;
    this.drop(credential);
    const own = this.ofOwner.get(owner) ?? new Set();
    const [oldest] = this.known.size < MAX_CREDENTIALS ? [] : this.known.keys();
    if (oldest !== undefined) this.drop(oldest);
    const [oldestOwn] = own.size < MAX_OF_ONE ? [] : own;
    if (oldestOwn !== undefined) this.drop(oldestOwn);
    this.known.set(credential, { owner, at: now });
    this.ofOwner.set(owner, own.add(credential));
  }

  /** Whose credential the request carries, if it counted a while ago; else null. */
  ownerOf(request: IncomingMessage, now: number): string | null {
    const credential = hashOf(request);
    const found = credential === null ? undefined : this.known.get(credential);
    const age = now - (found?.at ?? -Infinity);
    return found !== undefined && age >= 0 && age < REMEMBERED ? found.owner : null;
  }

  /** Forgets a credential that no longer counts. */
  forget(request: IncomingMessage): void {
    const credential = hashOf(request);
    if (credential !== null) this.drop(credential);
  }

  private drop(credential: string): void {
    const owner = this.known.get(credential)?.owner;
    if (owner === undefined) return;
    this.known.delete(credential);
    const own = this.ofOwner.get(owner);
    own?.delete(credential);
    if (own?.size === 0) this.ofOwner.delete(owner);
  }
}

/** The hash of everything that authentication looks at; null where that is nothing, or too much. */
function hashOf(request: IncomingMessage): string | null {
  const presented = JSON.stringify([valuesOf(request, 'authorization'), valuesOf(request, 'x-api-key')]);
  return presented === '[[],[]]' || presented.length > MAX_LENGTH
    ? null
    : hash('sha256', presented, 'base64');
}
