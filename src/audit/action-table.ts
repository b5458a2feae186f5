/** What the entries so far say about an action. 0 marks a free slot and is never stored. */
export const SUBMITTED = 1;
export const DECIDED = 2;
/** The action's own record was compared. */
export const COMPARED = 3;

/** What the table holds of one action. */
export interface ActionFacts {
  readonly state: number;
  /** While submitted, the submitter's user id; once decided, the audit id of the final entry. */
  readonly ref: number;
  /** While submitted, the risk score; once decided, a digest of the end state. */
  readonly value: bigint;
}

/** The number of shards. A shard that grows copies only a small part of the table. */
const SHARDS = 64;
const FIRST_SIZE = 16;
/** The maximum load of a shard and its growth factor; together under 40 bytes per action. */
const FULL = 0.8;
const GROWTH = 1.5;

interface Shard {
  readonly ids: Float64Array;
  readonly refs: Float64Array;
  readonly values: BigUint64Array;
  readonly states: Uint8Array;
  count: number;
}

/**
 * A map from action ids to a few numbers, in typed arrays. A million actions take about 35 MB, a tenth of a `Map` of
 * objects.
 */
export class ActionTable {
  private readonly shards = Array.from({ length: SHARDS }, () => shardOf(FIRST_SIZE));
  /** Random, so that no bundle can be crafted whose ids all collide. */
  private readonly seed = Math.floor(Math.random() * 2 ** 32) | 1;

  /** @param id an integer from 1 to 2^53-1 */
  get(id: number): ActionFacts | undefined {
    const hash = this.hashOf(id);
    const shard = this.shardOf(hash);
    const at = placeOf(shard, id, hash);
    const state = shard.states[at] ?? 0;
    if (state === 0) return undefined;
    return { state, ref: shard.refs[at] ?? 0, value: shard.values[at] ?? 0n };
  }

  /** @param id an integer from 1 to 2^53-1 */
  set(id: number, { state, ref, value }: ActionFacts): void {
    const hash = this.hashOf(id);
    let shard = this.shardOf(hash);
    if (shard.count >= shard.ids.length * FULL) shard = this.grow(hash % SHARDS);
    const at = placeOf(shard, id, hash);
    if (shard.states[at] === 0) shard.count += 1;
    shard.ids[at] = id;
    shard.refs[at] = ref;
    shard.values[at] = value;
    shard.states[at] = state;
  }

  /** Yields every action in this state, in no particular order. */
  *inState(state: number): Iterable<{ readonly id: number; readonly ref: number }> {
    for (const { ids, refs, states } of this.shards)
      for (let at = 0; at < ids.length; at += 1)
        if (states[at] === state) yield { id: ids[at] ?? 0, ref: refs[at] ?? 0 };
  }

  private shardOf(hash: number): Shard {
    return this.shards[hash % SHARDS] ?? shardOf(FIRST_SIZE);
  }

  private grow(index: number): Shard {
    const old = this.shards[index] ?? shardOf(FIRST_SIZE);
    const larger = shardOf(Math.ceil(old.ids.length * GROWTH));
    for (let from = 0; from < old.ids.length; from += 1) {
      const id = old.ids[from] ?? 0;
      if (id === 0) continue;
      const at = placeOf(larger, id, this.hashOf(id));
      larger.ids[at] = id;
      larger.refs[at] = old.refs[from] ?? 0;
      larger.values[at] = old.values[from] ?? 0n;
      larger.states[at] = old.states[from] ?? 0;
    }
    larger.count = old.count;
    this.shards[index] = larger;
    return larger;
  }

  private hashOf(id: number): number {
    let hash = Math.imul((id % 2 ** 32) ^ this.seed, 0x9e3779b1);
    hash = Math.imul(hash ^ (hash >>> 15) ^ Math.floor(id / 2 ** 32), 0x85ebca6b ^ this.seed);
    return (hash ^ (hash >>> 13)) >>> 0;
  }
}

function shardOf(size: number): Shard {
  return {
    ids: new Float64Array(size),
    refs: new Float64Array(size),
    values: new BigUint64Array(size),
    states: new Uint8Array(size),
    count: 0,
  };
}

/** Returns the slot of an id, or the free slot where it would be stored. */
function placeOf({ ids }: Shard, id: number, hash: number): number {
  let at = Math.floor(hash / SHARDS) % ids.length;
  while (ids[at] !== 0 && ids[at] !== id) at = (at + 1) % ids.length;
  return at;
}
