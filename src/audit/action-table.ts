/** What the entries have told of an action so far: 0 is never stored. */
export const SUBMITTED = 1;
export const DECIDED = 2;
/** The action's own record has come. */
export const COMPARED = 3;

/** One action's line in the table. */
export interface ActionFacts {
  readonly state: number;
  /** Whoever submitted it while it is submitted, the final entry's audit id once it is decided. */
  readonly ref: number;
  /** The score while it is submitted, a digest of its end state once it is decided. */
  readonly value: bigint;
}

/** So many small tables: one that grows copies only a small part of all. */
const SHARDS = 64;
const FIRST_SIZE = 16;
/** How full a shard may be, and how much larger the next one is: under 40 bytes an action. */
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
 * A map from action ids to a few numbers, in typed arrays: a million actions take about 35 MB, where a `Map` of objects
 * takes ten times as much.
 */
export class ActionTable {
  private readonly shards = Array.from({ length: SHARDS }, () => shardOf(FIRST_SIZE));
  /** Drawn anew each time: a bundle cannot be made of ids that all fall on one place. */
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

  /** Every action that is in this state, in no order. */
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

/** Where an id is, or would go: the next place that is free. */
function placeOf({ ids }: Shard, id: number, hash: number): number {
  let at = Math.floor(hash / SHARDS) % ids.length;
  while (ids[at] !== 0 && ids[at] !== id) at = (at + 1) % ids.length;
  return at;
}
