import { randomBytes } from 'node:crypto';

/** How many bytes are asked for at a time: asking costs a hundred times more than a few bytes more. */
const POOL_SIZE = 4096;

let pool = Buffer.alloc(0);
let used = 0;

/** Random bytes that nobody was given before, as unpredictable as those of `randomBytes`. @param size 1 to 4,096 */
export function freshBytes(size: number): Buffer {
  if (used + size > pool.length) [pool, used] = [randomBytes(POOL_SIZE), 0];
  return pool.subarray(used, (used += size));
}
