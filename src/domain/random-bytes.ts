import { randomBytes } from 'node:crypto';

/** How many bytes are requested at a time. The call costs a hundred times more than the extra bytes. */
const POOL_SIZE = 4096;

let pool = Buffer.alloc(0);
let used = 0;

/** Returns random bytes from a pool of `randomBytes`; no byte is returned twice. @param size 1 to 4,096 */
export function freshBytes(size: number): Buffer {
  if (used + size > pool.length) [pool, used] = [randomBytes(POOL_SIZE), 0];
  return pool.subarray(used, (used += size));
}
