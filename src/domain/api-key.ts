import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** An API key is `csk_` and 32 random bytes as 43 url-safe characters (docs/authentication.md#api-keys). */
const API_KEY = /^csk_[A-Za-z0-9_-]{43}$/;
const PREFIX_LENGTH = 12;

/** A new API key; to be shown once and stored only as its hash. */
export function newApiKey(): string {
  return `csk_${randomBytes(32).toString('base64url')}`;
}

/** Whether a credential has the form of an API key. */
export function isApiKey(credential: string): boolean {
  return API_KEY.test(credential);
}

/** The part of a key by which its row is found. Several keys may share it. */
export function apiKeyPrefix(key: string): string {
  return key.slice(0, PREFIX_LENGTH);
}

/** What is stored of a key: its SHA-256. The key has 256 random bits, so a slow hash would add nothing. */
export function apiKeyHash(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** Whether a key is the one that was stored, in constant time. */
export function matchesApiKey(key: string, storedHash: Buffer): boolean {
  return timingSafeEqual(apiKeyHash(key), storedHash);
}
