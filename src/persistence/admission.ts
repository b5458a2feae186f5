import type { Tenant } from '../domain/principal';
import { DatabaseUnavailableError } from './outage';

/** What a connection is wanted for; each has a share of the pool. */
export type Share =
  /** Who is calling. */
  | 'authentication'
  /** The process's own work: readiness, sweeps. */
  | 'system'
  /** Decisions, submissions, changes, and what is looked up by its key for them. */
  | 'decision'
  /** Lists, counts, summaries, proofs. */
  | 'read'
  /** Lists that are searched for a text. */
  | 'search'
  /** Snapshots that are held for as long as a client reads. */
  | 'export';

/** Who wants a connection, and for what. */
export interface Claim {
  readonly share: Share;
  /** Null where it belongs to none, or nobody knows yet. */
  readonly organizationId: number | null;
}

/** What a decision or a change in an organization takes its connection for. */
export function decisionOf({ organizationId }: Tenant): Claim {
  return { share: 'decision', organizationId };
}

/** What a snapshot of an organization's log takes its connection for. */
export function exportOf({ organizationId }: Tenant): Claim {
  return { share: 'export', organizationId };
}

/** What the process does for itself. */
export const SYSTEM: Claim = { share: 'system', organizationId: null };

/** Connections at most that are held at once, by what for. */
export interface Limits {
  readonly total: number;
  /** Of all organizations together: the rest stays for authentication and the process's own work. */
  readonly tenants: number;
  /** Of one organization. */
  readonly organization: number;
  /** Reads, searches and exports of one organization: the rest of its share stays for its decisions. */
  readonly organizationReads: number;
  /** Of reads, searches and exports together: the rest stays for decisions. */
  readonly reads: number;
  readonly searches: number;
  readonly exports: number;
}

/**
 * The limits of a pool. From three connections on, one is nobody's but authentication's and the process's own. An
 * organization has half of the pool. Reads leave a quarter to decisions, of the pool and of each organization's share;
 * searches have an eighth and exports a quarter. Each limit is at least one.
 * @param size connections of the pool, 1 or more
 */
export function limitsOf(size: number): Limits {
  const part = (divisor: number, whole = size): number => Math.max(1, Math.floor(whole / divisor));
  const tenants = size >= 3 ? size - 1 : size;
  const organization = part(2);
  return {
    total: size,
    tenants,
    organization,
    organizationReads: Math.max(1, organization - part(4, organization)),
    reads: Math.max(1, tenants - part(4)),
    searches: part(8),
    exports: part(4),
  };
}

export interface AdmissionOptions {
  /** Connections of the pool, 1 or more. */
  readonly size: number;
  /** How long anybody waits, in milliseconds. */
  readonly maxWaitMs: number;
  /** How many wait at most, of one organization half as many. */
  readonly maxWaiting: number;
}

interface Waiter {
  readonly admit: () => void;
}

interface Lane {
  readonly claim: Claim;
  readonly waiters: Set<Waiter>;
}

/** What is held, by what is limited. */
class Held {
  private readonly counts = new Map<string, number>();

  constructor(private readonly limits: Limits) {}

  hasRoom(claim: Claim): boolean {
    return this.bounds(claim).every(([name, limit]) => (this.counts.get(name) ?? 0) < limit);
  }

  add(claim: Claim, change: 1 | -1): void {
    for (const [name] of this.bounds(claim)) {
      const count = (this.counts.get(name) ?? 0) + change;
      if (count === 0) this.counts.delete(name);
      else this.counts.set(name, count);
    }
  }

  private bounds({ share, organizationId }: Claim): (readonly [string, number])[] {
    const { total, tenants, organization, organizationReads, reads, searches, exports } = this.limits;
    const bounds: [string, number][] = [['total', total]];
    if (share === 'authentication' || share === 'system') return bounds;
    bounds.push(['tenants', tenants]);
    if (organizationId !== null) bounds.push([`organization ${String(organizationId)}`, organization]);
    if (share === 'decision') return bounds;
    bounds.push(['reads', reads]);
    if (organizationId !== null) bounds.push([`reads of ${String(organizationId)}`, organizationReads]);
    if (share === 'search') bounds.push(['searches', searches]);
    if (share === 'export') bounds.push(['exports', exports]);
    return bounds;
  }
}

/**
 * Says who may have a connection of the pool, and when. Whoever has room within every limit goes at once. The others wait
 * in lanes, one per organization and share: first come first served within a lane, and the lanes take turns, so that a
 * long queue of one keeps nobody else waiting. Waits are bounded in number and time.
 */
export class Admission {
  /** In the order of their turns: who was admitted goes last. A lane without waiters is not there. */
  private readonly lanes = new Map<string, Lane>();
  private readonly held: Held;
  private readonly waiting = new Map<number | null, number>();
  private waitingInAll = 0;

  constructor(private readonly options: AdmissionOptions) {
    this.held = new Held(limitsOf(options.size));
  }

  /**
   * Waits for room.
   * @returns what gives the room back; to be called once
   * @throws {DatabaseUnavailableError} `busy` where too many wait already, or the wait takes too long
   */
  enter(claim: Claim): Promise<() => void> {
    if (this.held.hasRoom(claim)) return Promise.resolve(this.take(claim));
    if (this.isFull(claim)) return Promise.reject(busy('Too many requests wait for a connection'));
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        admit: () => {
          clearTimeout(timer);
          resolve(this.take(claim));
        },
      };
      const timer = setTimeout(() => {
        this.leaveLane(claim, waiter);
        reject(busy('No connection became free in time'));
      }, this.options.maxWaitMs);
      this.enterLane(claim, waiter);
    });
  }

  private take(claim: Claim): () => void {
    this.held.add(claim, 1);
    return () => {
      this.held.add(claim, -1);
      this.admitNext();
    };
  }

  private admitNext(): void {
    for (let lane = this.nextLane(); lane !== undefined; lane = this.nextLane()) {
      const [waiter] = lane.waiters;
      if (waiter === undefined) throw new Error('A lane without waiters is not kept');
      this.leaveLane(lane.claim, waiter);
      // Behind all others now.
      if (this.lanes.delete(nameOf(lane.claim))) this.lanes.set(nameOf(lane.claim), lane);
      waiter.admit();
    }
  }

  private nextLane(): Lane | undefined {
    for (const lane of this.lanes.values()) if (this.held.hasRoom(lane.claim)) return lane;
    return undefined;
  }

  private isFull({ organizationId }: Claim): boolean {
    const { maxWaiting } = this.options;
    const isOwnFull = (this.waiting.get(organizationId) ?? 0) >= Math.max(1, Math.floor(maxWaiting / 2));
    return this.waitingInAll >= maxWaiting || (organizationId !== null && isOwnFull);
  }

  private enterLane(claim: Claim, waiter: Waiter): void {
    const name = nameOf(claim);
    const lane = this.lanes.get(name) ?? { claim, waiters: new Set() };
    lane.waiters.add(waiter);
    this.lanes.set(name, lane);
    this.countWaiting(claim, 1);
  }

  private leaveLane(claim: Claim, waiter: Waiter): void {
    const lane = this.lanes.get(nameOf(claim));
    if (lane?.waiters.delete(waiter) !== true) return;
    if (lane.waiters.size === 0) this.lanes.delete(nameOf(claim));
    this.countWaiting(claim, -1);
  }

  private countWaiting({ organizationId }: Claim, change: 1 | -1): void {
    this.waitingInAll += change;
    const count = (this.waiting.get(organizationId) ?? 0) + change;
    if (count === 0) this.waiting.delete(organizationId);
    else this.waiting.set(organizationId, count);
  }
}

function nameOf({ share, organizationId }: Claim): string {
  return `${share} ${String(organizationId)}`;
}

function busy(why: string): DatabaseUnavailableError {
  return new DatabaseUnavailableError('busy', false, { cause: new Error(why) });
}
