import { createPrivateKey, randomUUID, type KeyObject } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Reads the private key of a PEM file, or creates the file, readable by its owner only, if it does not exist. Processes
 * that start at the same moment all get the same key.
 * @throws {Error} if the file cannot be read or written, or contains no private key
 */
export function loadOrMakeKey(path: string, make: () => KeyObject): KeyObject {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    return createPrivateKey(readFileSync(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const mine = `${path}.${randomUUID()}`;
  writeFileSync(mine, make().export({ type: 'pkcs8', format: 'pem' }), {
    mode: 0o600,
  });
  try {
    // Linking is atomic, and never replaces a key that another process has just created.
    linkSync(mine, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(mine);
  }
  return createPrivateKey(readFileSync(path));
}
