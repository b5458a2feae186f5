import fc from 'fast-check';
import { DatabaseUnavailableError } from '../../../src/persistence/connections/outage';
import { Batcher } from '../../../src/persistence/sql/batcher';
import type { Answer, Gateway } from '../../support/gateway';
import { decideOverRest, REVIEWERS, startRace, type Attempt } from '../../support/racing';
import { cases } from '../../support/runs';

/** Single decisions that are under way together share a statement; their reviewers notice nothing of it. */
let gateways: readonly [Gateway, Gateway];
let gateway: Gateway;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ gateways, close } = await startRace());
  [gateway] = gateways;
});
afterAll(() => close());

const approve = (actionId: number, n: number): Promise<Answer> =>
  gateway.rest('POST', `/api/v1/actions/${String(actionId)}/approve`, { user: REVIEWERS[n] ?? 0, body: {} });

/** Forty people approve one action each, all at the same moment. */
async function approveTogether(ids: readonly number[]): Promise<Answer[]> {
  gateway.database.statements.length = 0;
  return Promise.all(ids.map(approve));
}

const fortyActions = (): Promise<number[]> => gateway.addActions(Array.from({ length: 40 }, () => 10));

/** How many statements decided, one or many actions each. */
const statementsThatDecided = (): number =>
  gateway.database.statements.filter(({ name }) => name.startsWith('decide')).length;

async function storedOf(ids: readonly number[]) {
  return gateway.database.sql<{
    id: number;
    status: string;
    by: number | null;
    entries: number;
    votes: number;
  }>(
    `SELECT a.id, a.status, a.decided_by AS by, (SELECT count(*) FROM votes v WHERE v.action_id = a.id) AS votes,
       (SELECT count(*) FROM audit_log l WHERE l.action_id = a.id AND l.action_type IN ('action_approved', 'action_denied')) AS entries
     FROM actions a WHERE a.id = ANY ($1) ORDER BY array_position($1, a.id)`,
    [ids],
  );
}

/** Runs SQL meanwhile on every vote, or on every statement that adds some. */
async function whileVotesRun<T>(
  body: string,
  level: 'ROW' | 'STATEMENT',
  work: () => Promise<T>,
): Promise<T> {
  const sql = (text: string): Promise<unknown> => gateway.database.sql(text);
  const added = level === 'ROW' ? '' : 'REFERENCING NEW TABLE AS added';
  await sql(
    `CREATE OR REPLACE FUNCTION disturb() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} RETURN NEW; END $$`,
  );
  await sql(
    `CREATE TRIGGER disturb AFTER INSERT ON votes ${added} FOR EACH ${level} EXECUTE FUNCTION disturb()`,
  );
  try {
    return await work();
  } finally {
    await sql('DROP TRIGGER disturb ON votes');
  }
}

describe('forty people who approve an action each at the same moment', () => {
  it('share statements, and each gets their own decision, with the audit ids in the order of arrival', async () => {
    const ids = await fortyActions();
    const answers = await approveTogether(ids);
    expect(statementsThatDecided()).toBeLessThan(40);
    answers.forEach(({ status, body }, n) => {
      expect({ status, ...body }).toMatchObject({
        status: 'approved',
        action_id: ids[n],
        approved_by: REVIEWERS[n],
        correlation_id: expect.stringMatching(/^action_/),
      });
    });
    expect(new Set(answers.map(({ body }) => body.correlation_id)).size).toBe(40);
    expect(await storedOf(ids)).toEqual(
      ids.map((id, n) => ({ id, status: 'approved', by: REVIEWERS[n], entries: 1, votes: 1 })),
    );
    // Of one statement, which is one transaction: two statements can have the same millisecond and draw ids in turn.
    const order = await gateway.database.sql(
      `SELECT bool_and(later.id > l.id) AS stable FROM audit_log l JOIN audit_log later
         ON later.xmin = l.xmin AND later.timestamp = l.timestamp AND later.action_id > l.action_id
       WHERE l.action_id = ANY ($1) AND later.action_id = ANY ($1)`,
      [ids],
    );
    expect(order).toEqual([{ stable: true }]);
    const metrics = await gateway.rest('GET', '/metrics');
    expect(metrics.text).toMatch(/countersign_decision_batch_size_bucket\{le="64"\} \d+/);
  });

  it('are not affected by a neighbour whose decision the database refuses', async () => {
    const ids = await fortyActions();
    const bad = ids[17] ?? 0;
    const answers = await whileVotesRun(
      `IF NEW.action_id = ${String(bad)} THEN RAISE EXCEPTION 'no'; END IF;`,
      'ROW',
      () => approveTogether(ids),
    );
    expect(answers.map(({ status }) => status)).toEqual(ids.map((id) => (id === bad ? 500 : 200)));
    expect((await storedOf(ids)).map(({ entries, votes }) => [entries, votes])).toEqual(
      ids.map((id) => (id === bad ? [0, 0] : [1, 1])),
    );
  });

  it('are decided one by one where the database refuses every statement that decides several', async () => {
    const ids = await fortyActions();
    const answers = await whileVotesRun(
      `IF (SELECT count(*) FROM added) > 1 THEN RAISE EXCEPTION 'no'; END IF;`,
      'STATEMENT',
      () => approveTogether(ids),
    );
    expect(answers.map(({ status }) => status)).toEqual(ids.map(() => 200));
    expect((await storedOf(ids)).map(({ entries }) => entries)).toEqual(ids.map(() => 1));
  });

  it('do not wait for a neighbour whose action is locked', async () => {
    const ids = await fortyActions();
    const [held = 0, ...free] = ids;
    const { waiting } = await gateway.database.owner.transaction(async (holder) => {
      await holder.query(
        { name: 'hold', text: `SELECT FROM actions WHERE id = ${String(held)} FOR UPDATE` },
        [],
      );
      const waiting = approve(held, 0);
      const answers = await Promise.all(free.map((id, n) => approve(id, n + 1)));
      expect(answers.map(({ status }) => status)).toEqual(free.map(() => 200));
      return { waiting };
    });
    expect((await waiting).status).toBe(200);
    expect((await storedOf(ids)).map(({ entries }) => entries)).toEqual(ids.map(() => 1));
  });

  it('are told 503 where the connection is lost before the commit, and may try again', async () => {
    const ids = await fortyActions();
    const answers = await whileVotesRun('PERFORM pg_terminate_backend(pg_backend_pid());', 'ROW', () =>
      approveTogether(ids),
    );
    expect(new Set(answers.map(({ body }) => body.error_code))).toEqual(new Set(['SERVICE_UNAVAILABLE']));
    expect((await storedOf(ids)).map(({ entries, votes }) => [entries, votes])).toEqual(
      ids.map(() => [0, 0]),
    );
    expect((await approveTogether(ids)).map(({ status }) => status)).toEqual(ids.map(() => 200));
  });
});

it('people race for the same actions in random batches, while statements and items fail at random: one decision each, and true answers for all', async () => {
  const rounds = cases(2, 20);
  for (let round = 0; round < rounds; round += 1) {
    const ids = await gateway.addActions(Array.from({ length: 12 }, () => 10));
    const pause = fc.sample(fc.integer({ min: 0, max: 8 }), { numRuns: 240, seed: round });
    const attempts = await whileVotesRun(`IF random() < 0.1 THEN RAISE EXCEPTION 'no'; END IF;`, 'ROW', () =>
      Promise.all(
        REVIEWERS.slice(0, 20).map(async (user, n) => {
          const mine = n % 2 === 0 ? ids : [...ids].reverse();
          const told: Attempt[] = [];
          for (const [index, id] of mine.entries()) {
            await new Promise((resolve) => setTimeout(resolve, pause[n * 12 + index]));
            const through = gateways[n % 2] ?? gateway;
            told.push(...(await decideOverRest(through, user, n % 3 === 0 ? 'reject' : 'approve', id)));
          }
          return told;
        }),
      ),
    );
    const all = attempts.flat();
    expect(all).toHaveLength(240);
    for (const { id, status, by, entries, votes } of await storedOf(ids)) {
      const told = all.filter(({ actionId }) => actionId === id);
      const winners = told.filter(({ code }) => code === null);
      const isDecided = status !== 'pending_approval';
      expect({ id, entries, votes, winners: winners.map(({ user }) => user) }).toEqual({
        id,
        entries: isDecided ? 1 : 0,
        votes: isDecided ? 1 : 0,
        winners: isDecided ? [by] : [],
      });
      const codes = told.map(({ code }) => code).filter((code) => code !== null);
      expect(codes.filter((code) => !['INVALID_STATE', 'INTERNAL_ERROR'].includes(code))).toEqual([]);
      for (const { told: facts } of told.filter(({ code }) => code === 'INVALID_STATE'))
        expect(facts).toMatchObject({ status, by });
    }
  }
});

describe('a batcher', () => {
  const immediate = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('collects work while a batch is under way, keeps partitions apart, sizes bounded, and equal keys in order', async () => {
    const arrivals = fc.array(
      fc.record({
        partition: fc.integer({ min: 0, max: 2 }),
        key: fc.integer({ min: 0, max: 4 }),
        gap: fc.boolean(),
      }),
      { maxLength: 60 },
    );
    const property = fc.asyncProperty(arrivals, fc.integer({ min: 1, max: 7 }), async (items, maxSize) => {
      const batches: { partition: number; key: number; n: number }[][] = [];
      const underWay = new Map<number, number>();
      const batcher = new Batcher<{ partition: number; key: number; n: number }, string>(
        async (batch) => {
          const partition = batch[0]?.partition ?? -1;
          expect(underWay.get(partition) ?? 0).toBe(0);
          underWay.set(partition, 1);
          batches.push([...batch]);
          await immediate();
          underWay.set(partition, 0);
          return batch.map(({ n }) => `answer ${String(n)}`);
        },
        { maxSize, partitionOf: ({ partition }) => partition, keyOf: ({ key }) => key },
      );
      const asked: Promise<string>[] = [];
      for (const [n, { partition, key, gap }] of items.entries()) {
        asked.push(batcher.submit({ partition, key, n }));
        if (gap) await immediate();
      }
      expect(await Promise.all(asked)).toEqual(items.map((_, n) => `answer ${String(n)}`));
      for (const batch of batches) {
        expect(batch.length).toBeLessThanOrEqual(maxSize);
        expect(new Set(batch.map(({ partition }) => partition)).size).toBe(1);
        expect(new Set(batch.map(({ key }) => key)).size).toBe(batch.length);
      }
      const inOrder = (partition: number, key: number): number[] =>
        batches.flat().flatMap((item) => (item.partition === partition && item.key === key ? [item.n] : []));
      for (const { partition, key } of items)
        expect(inOrder(partition, key)).toEqual([...inOrder(partition, key)].sort((a, b) => a - b));
    });
    await fc.assert(property, { numRuns: cases(100, 2_000) });
  });

  it('repeats nothing whose outcome is unknown', async () => {
    let runs = 0;
    const batcher = new Batcher<number, number>(
      () => {
        runs += 1;
        return Promise.reject(new DatabaseUnavailableError('unreachable', true));
      },
      { maxSize: 10 },
    );
    const asked = await Promise.allSettled([1, 2, 3].map((n) => batcher.submit(n)));
    expect(asked.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(runs).toBe(1);
  });
});
