import fc from 'fast-check';
import { Admission, limitsOf, type Claim, type Share } from '../../../src/persistence/connections/admission';
import { DatabaseUnavailableError } from '../../../src/persistence/connections/outage';
import { cases } from '../../support/runs';

/** Who gets a connection of the pool, and when. */
const SHARES: readonly Share[] = ['authentication', 'system', 'decision', 'read', 'search', 'export'];
const aClaim: fc.Arbitrary<Claim> = fc.record({
  share: fc.constantFrom(...SHARES),
  organizationId: fc.constantFrom(1, 2, 3, null),
});

const isTenant = ({ share }: Claim): boolean => share !== 'authentication' && share !== 'system';
const isRead = ({ share }: Claim): boolean => ['read', 'search', 'export'].includes(share);

/** Whether these claims may be held together with one more, by the definition of `Limits`. */
function hasRoom(size: number, held: readonly Claim[], one: Claim): boolean {
  const limits = limitsOf(size);
  const together = [...held, one];
  const count = (isCounted: (claim: Claim) => boolean): number => together.filter(isCounted).length;
  const { share, organizationId } = one;
  if (together.length > limits.total) return false;
  if (!isTenant(one)) return true;
  const isOwn = (claim: Claim): boolean => isTenant(claim) && claim.organizationId === organizationId;
  return (
    count(isTenant) <= limits.tenants &&
    (organizationId === null || count(isOwn) <= limits.organization) &&
    (!isRead(one) || count(isRead) <= limits.reads) &&
    (!isRead(one) ||
      organizationId === null ||
      count((claim) => isOwn(claim) && isRead(claim)) <= limits.organizationReads) &&
    (share !== 'search' || count((claim) => claim.share === 'search') <= limits.searches) &&
    (share !== 'export' || count((claim) => claim.share === 'export') <= limits.exports)
  );
}

/** Lets everything that has resolved take effect. */
const settled = (): Promise<void> => new Promise(setImmediate);

function admissionOf(size: number, maxWaiting = 10_000): Admission {
  return new Admission({ size, maxWaitMs: 60_000, maxWaiting });
}

/** Submits a claim and records it when it is admitted. */
class Bench {
  readonly held: { readonly claim: Claim; readonly n: number; readonly leave: () => void }[] = [];
  readonly waiting = new Map<number, Claim>();
  readonly admitted: number[] = [];
  private asked = 0;

  constructor(private readonly admission: Admission) {}

  ask(claim: Claim): number {
    const n = (this.asked += 1);
    this.waiting.set(n, claim);
    void this.admission.enter(claim).then((leave) => {
      this.waiting.delete(n);
      this.admitted.push(n);
      this.held.push({ claim, n, leave });
    });
    return n;
  }

  /** Releases everything until nobody holds a connection. */
  async drain(): Promise<void> {
    await settled();
    while (this.held.length > 0) {
      this.leave(0);
      await settled();
    }
  }

  leave(index: number): void {
    if (this.held.length === 0) return;
    const [one] = this.held.splice(index % this.held.length, 1);
    one?.leave();
  }
}

describe.each([
  [1, { total: 1, tenants: 1, organization: 1, organizationReads: 1, reads: 1, searches: 1, exports: 1 }],
  [2, { total: 2, tenants: 2, organization: 1, organizationReads: 1, reads: 1, searches: 1, exports: 1 }],
  [4, { total: 4, tenants: 3, organization: 2, organizationReads: 1, reads: 2, searches: 1, exports: 1 }],
  [
    20,
    { total: 20, tenants: 19, organization: 10, organizationReads: 8, reads: 14, searches: 2, exports: 5 },
  ],
])('of a pool of %i', (size, limits) => {
  it('every organization has a share of at least one connection', () => {
    expect(limitsOf(size)).toEqual(limits);
  });
});

it('claims come and go: no share is exceeded, and nobody waits whose share has room', async () => {
  const steps = fc.array(fc.oneof(aClaim, fc.nat({ max: 50 })), { minLength: 1, maxLength: 80 });
  const property = fc.asyncProperty(fc.integer({ min: 1, max: 24 }), steps, async (size, all) => {
    const bench = new Bench(admissionOf(size));
    for (const step of all) {
      const before = bench.held.map(({ claim }) => claim);
      if (typeof step === 'number') bench.leave(step);
      else {
        const n = bench.ask(step);
        await settled();
        expect(bench.waiting.has(n)).toBe(!hasRoom(size, before, step));
      }
      await settled();
      const held = bench.held.map(({ claim }) => claim);
      held.forEach((claim, index) => {
        expect(hasRoom(size, held.toSpliced(index, 1), claim)).toBe(true);
      });
      for (const claim of bench.waiting.values()) expect(hasRoom(size, held, claim)).toBe(false);
    }
    // Nobody starves: when all connections are released, everybody has had one.
    await bench.drain();
    expect(bench.waiting.size).toBe(0);
  });
  await fc.assert(property, { numRuns: cases(100, 2_000) });
});

it('the requests of one organization are served in their order', async () => {
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 8 }),
    fc.array(fc.nat({ max: 20 }), { maxLength: 40 }),
    async (size, leaves) => {
      const bench = new Bench(admissionOf(size));
      const asked = Array.from({ length: 20 }, () => bench.ask({ share: 'decision', organizationId: 1 }));
      for (const index of leaves) {
        bench.leave(index);
        await settled();
      }
      expect(bench.admitted).toEqual(asked.slice(0, bench.admitted.length));
      await bench.drain();
    },
  );
  await fc.assert(property, { numRuns: cases(50, 1_000) });
});

it("an organization's only request is served next but one, however many another organization has waiting", async () => {
  const bench = new Bench(admissionOf(1));
  for (let n = 0; n < 500; n += 1) bench.ask({ share: 'decision', organizationId: 1 });
  const only = bench.ask({ share: 'decision', organizationId: 2 });
  await settled();
  for (let left = 0; left < 2; left += 1) {
    bench.leave(0);
    await settled();
  }
  expect(bench.admitted).toContain(only);
  await bench.drain();
});

it('waiting searches do not delay a decision of the same organization', async () => {
  const bench = new Bench(admissionOf(20));
  for (let n = 0; n < 60; n += 1) bench.ask({ share: 'search', organizationId: 1 });
  const decision = bench.ask({ share: 'decision', organizationId: 1 });
  await settled();
  expect(bench.admitted).toEqual([1, 2, decision]);
  await bench.drain();
});

it('a caller who waits too long, or finds too many waiting, is told so, and the others in the queue go on', async () => {
  const admission = new Admission({ size: 1, maxWaitMs: 1, maxWaiting: 4 });
  const leave = await admission.enter({ share: 'decision', organizationId: 1 });
  const asked = [1, 1, 1, 2].map((organizationId) => admission.enter({ share: 'decision', organizationId }));
  const outcomes = await Promise.allSettled(asked);
  const reasons = outcomes.map((outcome) =>
    outcome.status === 'rejected' && outcome.reason instanceof DatabaseUnavailableError
      ? [outcome.reason.kind, (outcome.reason.cause as Error).message]
      : outcome.status,
  );
  const late = ['busy', 'No connection became free in time'];
  // Half of the queue belongs to one organization, so the third of the first has no place.
  expect(reasons).toEqual([late, late, ['busy', 'Too many requests wait for a connection'], late]);
  leave();
  (await admission.enter({ share: 'decision', organizationId: 1 }))();
});
