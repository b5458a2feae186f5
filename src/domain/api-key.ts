import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** The form of an API key: `csk_` and 32 random bytes as 43 URL-safe characters (docs/authentication.md#api-keys). */
const API_KEY = /^csk_[A-Za-z0-9_-]{43}$/;
const PREFIX_LENGTH = 12;

/** Returns a new API key. It is shown once; only its hash is stored. */
export function newApiKey(): string {
  return `csk_${randomBytes(32).toString('base64url')}`;
}

/** Returns whether a credential has the form of an API key. */
export function isApiKey(credential: string): boolean {
  return API_KEY.test(credential);
}

/** Returns the part of a key by which its row is looked up. Several keys may share it. */
export function apiKeyPrefix(key: string): string {
  return key.slice(0, PREFIX_LENGTH);
}

/** Returns what is stored of a key: its SHA-256. The key has 256 random bits, so a slow hash would add nothing. */
export function apiKeyHash(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** Returns, in constant time, whether a key matches a stored hash. */
export function matchesApiKey(key: string, storedHash: Buffer): boolean {
  return timingSafeEqual(apiKeyHash(key), storedHash);
}
