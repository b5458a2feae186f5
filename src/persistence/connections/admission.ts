import type { Tenant } from '../../domain/principal';
import { DatabaseUnavailableError } from './outage';

/** The purpose of a connection; each purpose has a share of the pool. */
export type Share =
  /** Authentication of callers. */
  | 'authentication'
  /** The process's own work: readiness, sweeps. */
  | 'system'
  /** Decisions, submissions, changes, and their lookups by key. */
  | 'decision'
  /** Lists, counts, summaries, proofs. */
  | 'read'
  /** Lists with a text search. */
  | 'search'
  /** Snapshots, held for as long as a client reads. */
  | 'export';

/** The organization and the purpose that a connection is requested for. */
export interface Claim {
  readonly share: Share;
  /** Null where there is no organization, or it is not known yet. */
  readonly organizationId: number | null;
}

/** Returns the claim of a decision or a change in an organization. */
export function decisionOf({ organizationId }: Tenant): Claim {
  return { share: 'decision', organizationId };
}

/** Returns the claim of a snapshot of an organization's log. */
export function exportOf({ organizationId }: Tenant): Claim {
  return { share: 'export', organizationId };
}

/** The claim of the process's own work. */
export const SYSTEM: Claim = { share: 'system', organizationId: null };

/** Maximum numbers of connections held at once. */
export interface Limits {
  readonly total: number;
  /** All organizations together; the rest is reserved for authentication and the process's own work. */
  readonly tenants: number;
  /** Per organization. */
  readonly organization: number;
  /** Reads, searches and exports per organization; the rest of its share is reserved for its decisions. */
  readonly organizationReads: number;
  /** Reads, searches and exports together; the rest is reserved for decisions. */
  readonly reads: number;
  readonly searches: number;
  readonly exports: number;
}

/**
 * Returns the limits of a pool. With three connections or more, one is reserved for authentication and the process's
 * own work. An organization may use half of the pool. Reads leave a quarter to decisions, of the pool and of each
 * organization's share. Searches have an eighth and exports a quarter. Each limit is at least one.
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
  /** Maximum wait, in milliseconds. */
  readonly maxWaitMs: number;
  /** Maximum number of waiting claims; half as many per organization. */
  readonly maxWaiting: number;
}

interface Waiter {
  readonly admit: () => void;
}

interface WaitingQueue {
  readonly claim: Claim;
  readonly waiters: Set<Waiter>;
}

/** Counts the held connections per limit. */
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
 * Admits claims to the pool's connections. A claim within every limit is admitted at once. Others wait in queues, one
 * per organization and share: first come, first served within a queue, and the queues take turns, so that one long
 * queue delays nobody else. Waits are limited in number and time.
 */
export class Admission {
  /** In the order of their turns: the queue that was served last comes last. Empty queues are removed. */
  private readonly queues = new Map<string, WaitingQueue>();
  private readonly held: Held;
  private readonly waiting = new Map<number | null, number>();
  private waitingInAll = 0;

  constructor(private readonly options: AdmissionOptions) {
    this.held = new Held(limitsOf(options.size));
  }

  /**
   * Waits until the claim is within every limit.
   * @returns a function that ends the claim; call it once
   * @throws {DatabaseUnavailableError} `busy` where too many claims wait already, or the wait takes too long
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
        this.leaveQueue(claim, waiter);
        reject(busy('No connection became free in time'));
      }, this.options.maxWaitMs);
      this.enterQueue(claim, waiter);
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
    for (let queue = this.nextQueue(); queue !== undefined; queue = this.nextQueue()) {
      const [waiter] = queue.waiters;
      if (waiter === undefined) throw new Error('A queue without waiters is not kept');
      this.leaveQueue(queue.claim, waiter);
      // Move the queue to the end of the turns.
      if (this.queues.delete(nameOf(queue.claim))) this.queues.set(nameOf(queue.claim), queue);
      waiter.admit();
    }
  }

  private nextQueue(): WaitingQueue | undefined {
    for (const queue of this.queues.values()) if (this.held.hasRoom(queue.claim)) return queue;
    return undefined;
  }

  private isFull({ organizationId }: Claim): boolean {
    const { maxWaiting } = this.options;
    const isOwnFull = (this.waiting.get(organizationId) ?? 0) >= Math.max(1, Math.floor(maxWaiting / 2));
    return this.waitingInAll >= maxWaiting || (organizationId !== null && isOwnFull);
  }

  private enterQueue(claim: Claim, waiter: Waiter): void {
    const name = nameOf(claim);
    const queue = this.queues.get(name) ?? { claim, waiters: new Set() };
    queue.waiters.add(waiter);
    this.queues.set(name, queue);
    this.countWaiting(claim, 1);
  }

  private leaveQueue(claim: Claim, waiter: Waiter): void {
    const queue = this.queues.get(nameOf(claim));
    if (queue?.waiters.delete(waiter) !== true) return;
    if (queue.waiters.size === 0) this.queues.delete(nameOf(claim));
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
