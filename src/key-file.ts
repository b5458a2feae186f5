import { createPrivateKey, randomUUID, type KeyObject } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * The private key of a PEM file, readable by its owner only. Where there is none it is made, once, however many
 * processes start at the same moment.
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
    // A link appears whole or not at all, and never replaces a key that another process made a moment before.
    linkSync(mine, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(mine);
  }
  return createPrivateKey(readFileSync(path));
}
