import { askBulk, decideBulk, outcomesOf, readBulk, type Bulk, type BulkOptions } from '../../support/bulk';
import { APIS, outcomeOf, VERDICTS, type Api } from '../../support/apis';
import { startGateway, type Answer, type Gateway } from '../../support/gateway';
import { traceOf, type Trace } from '../../support/parity';
import { newPolicy } from '../../support/racing';
import { expectEach, faultsOf } from '../../support/refusals';
import {
  addApproved,
  addExpired,
  addFresh,
  ADMIN,
  ANALYST,
  OF_GLOBEX,
  REFUSED_ACTIONS,
  SECURITY,
  SENIOR,
  STRICT_POLICY,
  UNKNOWN,
} from '../../support/situations';

/**
 * An atomic bulk decides all of its actions or none, and any other each by itself (docs/rest-api.md#bulk-decisions).
 */
let gateway: Gateway;

const NOT_ATTEMPTED = { code: 'NOT_ATTEMPTED', status: 424, facts: {} };
const LEFT_AS_IT_IS = 'was skipped, because another action of this atomic bulk was refused';
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

beforeAll(async () => {
  gateway = await startGateway();
  await gateway.database.sql(newPolicy(STRICT_POLICY));
});
afterAll(() => gateway.close());

const add = (score: number, submitter?: number) => addFresh(gateway, score, submitter);
const addVoted = (score: number, user: number) => addApproved(gateway, score, user);

/** What a refused bulk must leave unchanged: every action and vote, and the entries of decisions. */
async function whatIsDecided() {
  return gateway.database.sql(
    `SELECT (SELECT md5(string_agg(a::text, '|' ORDER BY id)) FROM actions a) AS actions,
       (SELECT md5(string_agg(v::text, '|' ORDER BY v::text)) FROM votes v) AS votes,
       (SELECT count(*) FROM audit_log WHERE action_type <> 'decision_refused') AS entries`,
  );
}

/** The denial records of one request: who was refused which action, and why. */
async function denialRecordsOf({ correlationId }: Bulk) {
  const rows = await gateway.database.sql<{ entry: unknown }>(
    `SELECT json_build_array(actor_id, verdict, action_id, refusal_code) AS entry FROM audit_log
     WHERE correlation_id = $1 AND action_type = 'decision_refused' ORDER BY id`,
    [correlationId],
  );
  return rows.map(({ entry }) => entry);
}

describe.each(VERDICTS)('an atomic bulk to %s', (verdict) => {
  const status = verdict === 'approve' ? 'approved' : 'denied';
  const by = verdict === 'approve' ? 'approved' : 'rejected';
  const atomic = (api: Api, ids: readonly number[], options: BulkOptions): Promise<Answer> =>
    askBulk(gateway, api, verdict, ids, { ...options, mode: 'atomic' });

  it.each(APIS)(
    'of permitted actions does over %s what any bulk does, with one correlation id',
    async (api) => {
      const traceIn = async (mode: 'atomic' | 'best_effort') => {
        const ids = await gateway.addActions([10, 50, 20, 39.5]);
        const { answer, entries, rows } = await traceOf(gateway, ids, async () => {
          const asked = [...ids, ...ids.slice(0, 2)];
          const options = { user: SENIOR, reason: 'Seen', mode };
          const { status: http, body } = await askBulk(gateway, api, verdict, asked, options);
          return { http, body };
        });
        return { answer, entries, rows };
      };
      const trace = await traceIn('atomic');
      expect(JSON.parse(JSON.stringify(trace).replace('ATOMIC', 'BEST_EFFORT'))).toEqual(
        await traceIn('best_effort'),
      );
      expect(trace.rows).toMatchObject([0, 1, 2, 3].map(() => ({ vote: { reason: 'Seen', verdict } })));
      const recorded = trace.entries.map(({ entry }) => entry);
      const correlation = { correlation_id: 'correlation id 0', actor_id: SENIOR };
      expect(recorded).toMatchObject(
        [0, 1, 2, 3].map((n) => ({ ...correlation, action_id: `id ${String(n)}` })),
      );
    },
  );

  it('of permitted actions is answered over REST with 200 in the documented shape', async () => {
    const ids = await gateway.addActions([10, 20]);
    const answer = await atomic('rest', ids, { user: SENIOR });
    expect(answer.status).toBe(200);
    const { correlation_id, results } = answer.body;
    const counts = { requested: 2, succeeded: 2, failed: 0 };
    expect(Object.entries(answer.body)).toEqual(
      Object.entries({ status, ...counts, correlation_id, results }),
    );
    const at = expect.stringMatching(TIME) as string;
    expect(results).toEqual(
      ids.map((action_id) => ({
        action_id,
        status,
        [`${by}_by`]: SENIOR,
        [`${by}_at`]: at,
        correlation_id,
      })),
    );
  });

  it.each(REFUSED_ACTIONS)(
    'with an action that is $what decides none: $code, the same over either API',
    async ({ code, status: http, user, make }) => {
      const makeSet = async (): Promise<number[]> => [await add(10), await make(gateway), await add(20)];
      const sets = [await makeSet(), await makeSet()] as const;
      const before = await whatIsDecided();
      const bulks: Bulk[] = [];
      const traceOver = (api: Api, ids: readonly number[]): Promise<Trace> =>
        traceOf(gateway, ids, async () => {
          const bulk = readBulk(await atomic(api, ids, { user }));
          bulks.push(bulk);
          return bulk;
        });
      const trace = await traceOver('rest', sets[0]);
      expect(await traceOver('graphql', sets[1])).toEqual(trace);
      const recorded = { action_type: 'decision_refused', action_id: 'id 1', refusal_code: code, verdict };
      const denialRecords = { actor_id: user, correlation_id: 'correlation id 0', ...recorded };
      expect(trace.entries).toMatchObject(code === 'ACTION_NOT_FOUND' ? [] : [{ entry: denialRecords }]);
      const left = (id: string) => ({ id, ...NOT_ATTEMPTED, detail: `Action ${id} ${LEFT_AS_IT_IS}` });
      expect(trace.answer).toMatchObject({
        refusal: null,
        correlationId: 'correlation id 0',
        requested: 3,
        succeeded: 0,
        failed: 3,
        items: [left('id 0'), { id: 'id 1', code, status: http }, left('id 2')],
      });
      expect(await whatIsDecided()).toEqual(before);

      const each = await askBulk(gateway, 'rest', verdict, sets[0], { user });
      expect(readBulk(each).items[1]).toEqual(bulks[0]?.items[1]);
    },
  );

  it('over REST is refused with 409: the keys of every error first, then those of a bulk', async () => {
    const [first, own] = [await add(10), await add(10, SENIOR)];
    const { status: http, body } = await atomic('rest', [first, own], { user: SENIOR });
    expect(http).toBe(409);
    expect(Object.entries(body)).toEqual([
      ['detail', 'Nothing was decided, since not everything could be: see the results'],
      ['error_code', 'BULK_REFUSED'],
      ['status', 409],
      ['correlation_id', expect.stringMatching(/^action_\d{8}_\d{6}_[0-9a-f]{16}$/)],
      ['timestamp', expect.stringMatching(TIME)],
      ['requested', 2],
      ['succeeded', 0],
      ['failed', 2],
      ['results', expect.any(Array)],
    ]);
    const detail = `Action ${String(first)} ${LEFT_AS_IT_IS}`;
    expect(body.results).toEqual([
      { action_id: first, error_code: 'NOT_ATTEMPTED', detail, status: 424 },
      expect.objectContaining({ action_id: own, error_code: 'SELF_APPROVAL_FORBIDDEN', status: 403 }),
    ]);
  });

  it('over GraphQL is refused with a BulkDecision in which nothing succeeded, and no error', async () => {
    const [first, own] = [await add(10), await add(10, SENIOR)];
    const { status: http, body } = await atomic('graphql', [first, own], { user: SENIOR });
    expect([http, body.errors]).toEqual([200, undefined]);
    expect(body.data.bulk).toMatchObject({
      verdict: verdict.toUpperCase(),
      mode: 'ATOMIC',
      requested: 2,
      succeeded: 0,
      failed: 2,
      results: [
        { actionId: String(first), decision: null, refusal: { code: 'NOT_ATTEMPTED', status: 424 } },
        { actionId: String(own), decision: null, refusal: { code: 'SELF_APPROVAL_FORBIDDEN', status: 403 } },
      ],
    });
  });

  describe.each(APIS)('over %s', (api) => {
    const ask = async (ids: readonly number[], user: number): Promise<Bulk> =>
      readBulk(await atomic(api, ids, { user }));

    it('names every refusal in the order first given, removes duplicates, and leaves the rest to be decided', async () => {
      const [fine, own, last] = [await add(10), await add(10, ADMIN), await add(39)];
      const [high, decided, risky] = [await add(72), await addVoted(10, SECURITY), await add(90)];
      const overdue = await addExpired(gateway, 10);
      const before = await whatIsDecided();
      const asked = [fine, UNKNOWN, own, high, fine, decided, risky, OF_GLOBEX, UNKNOWN, overdue, last, own];
      const bulk = await ask(asked, ADMIN);
      expect([bulk.requested, bulk.succeeded, bulk.failed]).toEqual([9, 0, 9]);
      expect(bulk.items.map(({ id, code }) => [id, code])).toEqual([
        [fine, 'NOT_ATTEMPTED'],
        [UNKNOWN, 'ACTION_NOT_FOUND'],
        [own, 'SELF_APPROVAL_FORBIDDEN'],
        [high, 'BULK_NOT_ALLOWED'],
        [decided, 'INVALID_STATE'],
        [risky, 'REASON_REQUIRED'],
        [OF_GLOBEX, 'ACTION_NOT_FOUND'],
        [overdue, 'INVALID_STATE'],
        [last, 'NOT_ATTEMPTED'],
      ]);
      expect(await denialRecordsOf(bulk)).toEqual([
        [ADMIN, verdict, own, 'SELF_APPROVAL_FORBIDDEN'],
        [ADMIN, verdict, high, 'BULK_NOT_ALLOWED'],
        [ADMIN, verdict, decided, 'INVALID_STATE'],
        [ADMIN, verdict, risky, 'REASON_REQUIRED'],
        [ADMIN, verdict, overdue, 'INVALID_STATE'],
      ]);
      expect(await whatIsDecided()).toEqual(before);
      expect(outcomesOf(await ask([fine, last], ADMIN))).toEqual([status, status]);
    });

    it('reports ALREADY_VOTED for an action that its reviewer has voted on, whatever else is refused', async () => {
      const [voted, fresh] = [await addVoted(50, SENIOR), await add(50)];
      const bulk = await ask([voted, UNKNOWN, fresh], SENIOR);
      expect(outcomesOf(bulk)).toEqual(['ALREADY_VOTED', 'ACTION_NOT_FOUND', 'NOT_ATTEMPTED']);
      expect(await denialRecordsOf(bulk)).toEqual([[SENIOR, verdict, voted, 'ALREADY_VOTED']]);
    });

    it('is recorded once a minute, item by item, and what was not attempted never is', async () => {
      const [fine, own, other] = [await add(10), await add(10, SENIOR), await add(10, SENIOR)];
      const entry = (id: number) => [SENIOR, verdict, id, 'SELF_APPROVAL_FORBIDDEN'];
      expect(await denialRecordsOf(await ask([fine, own], SENIOR))).toEqual([entry(own)]);
      expect(await denialRecordsOf(await ask([fine, own], SENIOR))).toEqual([]);
      expect(await denialRecordsOf(await ask([own, other], SENIOR))).toEqual([entry(other)]);
      const never = ['NOT_ATTEMPTED', 'BULK_REFUSED', 'ACTION_NOT_FOUND'];
      expect(
        await gateway.database.sql('SELECT id FROM audit_log WHERE refusal_code = ANY ($1)', [never]),
      ).toEqual([]);
    });

    it('is one refusal and one entry where the role decides nothing, or with an API key', async () => {
      const ids = [await add(10), UNKNOWN];
      const apiKey = await gateway.apiKey({ owner: SENIOR });
      for (const [who, code, http] of [
        [{ user: ANALYST }, 'INSUFFICIENT_PERMISSIONS', 403],
        [{ apiKey }, 'JWT_REQUIRED', 401],
      ] as const) {
        const traceIn = async (mode: 'atomic' | 'best_effort') => {
          await gateway.database.sql('TRUNCATE refusal_throttle, refusal_windows');
          const options = { ...who, mode };
          return traceOf(gateway, ids, async () =>
            outcomeOf(await askBulk(gateway, api, verdict, ids, options)),
          );
        };
        const trace = await traceIn('atomic');
        expect(trace).toEqual(await traceIn('best_effort'));
        const { answer, entries } = trace;
        expect(answer).toMatchObject({ code, status: http });
        expect(entries).toMatchObject([{ entry: { action_id: null, verdict, refusal_code: code } }]);
      }
    });

    it('of 500 takes no more statements than of two', async () => {
      const statementsFor = async (count: number): Promise<readonly string[]> => {
        const ids = await gateway.addActions(Array.from({ length: count }, () => 10));
        const { answer, statements } = await traceOf(gateway, [], async () => ask(ids, SENIOR));
        expect(answer).toMatchObject({ requested: count, succeeded: count });
        return statements;
      };
      expect(await statementsFor(500)).toEqual(await statementsFor(2));
    });
  });
});

describe.each(APIS)('where two approvals are required, an atomic bulk over %s', (api) => {
  const approve = (user: number, ids: readonly number[]): Promise<Bulk> =>
    decideBulk(gateway, api, 'approve', ids, { user, mode: 'atomic' });
  const votesOn = async (ids: readonly number[]): Promise<unknown[]> => {
    const rows = await gateway.database.sql<{ votes: unknown }>(
      `SELECT json_build_array(approvals, (SELECT json_agg(user_id ORDER BY voted_at) FROM votes v
         WHERE v.action_id = a.id)) AS votes FROM actions a WHERE id = ANY ($1) ORDER BY id`,
      [ids],
    );
    return rows.map(({ votes }) => votes);
  };

  it('records all votes, and the second reviewer completes all', async () => {
    const ids = await gateway.addActions([50, 60]);
    const first = await approve(SENIOR, ids);
    const { correlationId: correlation_id } = first;
    const facts = { approvals_received: 1, approvals_required: 2, correlation_id };
    const item = { code: null, status: 'pending_approval', detail: null, facts };
    expect(first.items).toEqual(ids.map((id) => ({ id, ...item })));
    expect(await votesOn(ids)).toEqual(ids.map(() => [1, [SENIOR]]));
    expect(outcomesOf(await approve(SECURITY, ids))).toEqual(['approved', 'approved']);
    expect(await votesOn(ids)).toEqual(ids.map(() => [2, [SENIOR, SECURITY]]));
  });

  it('records no vote at all where its reviewer has voted on one of them', async () => {
    const ids = [await add(50), await addVoted(50, SENIOR), await add(60), await add(10)];
    const company = ['NOT_ATTEMPTED', 'NOT_ATTEMPTED'];
    expect(outcomesOf(await approve(SENIOR, ids))).toEqual(['NOT_ATTEMPTED', 'ALREADY_VOTED', ...company]);
    const none = [0, null];
    expect(await votesOn(ids)).toEqual([none, [1, [SENIOR]], none, none]);
  });
});

describe.each(VERDICTS)('a bulk to %s', (verdict) => {
  const post = (body: object) =>
    gateway.rest('POST', `/api/v1/actions/bulk-${verdict}`, { user: SENIOR, body });
  const ATOMIC = 'ATOMIC atomic Atomic aToMiC'.split(' ');
  const BEST_EFFORT = [undefined, null, ...'best_effort BEST_EFFORT Best_Effort'.split(' ')];

  it.each([
    [409, 'pending_approval', ATOMIC],
    [200, verdict === 'approve' ? 'approved' : 'denied', BEST_EFFORT],
  ])(
    'over REST is atomic by its mode: a refused item makes it %d and leaves the other %s for %j',
    async (http, status, modes) => {
      await expectEach(
        modes,
        async (mode) => {
          const id = await add(10);
          const answer = await post({ action_ids: [id, UNKNOWN], mode });
          return [answer.status, await statusOf(id)];
        },
        [http, status],
      );
    },
  );

  it('over REST with any other mode is a 422, and nothing is decided', async () => {
    const id = await add(10);
    const words = ['', ' atomic', 'atomic ', 'all', 'best-effort', 'besteffort', 'atomic\0', 'ATOMİC'];
    await expectEach(
      [...words, 0, 1, 1.5, true, false, {}, [], ['atomic'], { mode: 'atomic' }],
      async (mode) => faultsOf(await post({ action_ids: [id], mode })),
      [{ loc: ['body', 'mode'], msg: 'must be one of best_effort, atomic', type: 'enum' }],
    );
    const answer = await post({ action_ids: [id, 0], reason: 5, mode: 'all' });
    expect([answer.status, answer.body.error_code]).toEqual([422, 'VALIDATION_ERROR']);
    const places = faultsOf(answer).map(({ loc }) => loc.join('.'));
    expect(places).toEqual(['body.action_ids.1', 'body.reason', 'body.mode']);
    expect(await statusOf(id)).toBe('pending_approval');
  });

  it('over GraphQL is atomic in mode ATOMIC, written or as a variable, and with no word that BulkMode lacks', async () => {
    const field = `bulk${verdict === 'approve' ? 'Approve' : 'Reject'}Actions`;
    const ask = async (declared: string, asked: string, mode?: unknown) => {
      const query = `mutation ($ids: [ID!]! ${declared}) { ${field}(actionIds: $ids ${asked}) { mode succeeded } }`;
      const variables = { ids: [await add(10), UNKNOWN], mode };
      const { body } = await gateway.graphql(query, { user: SENIOR, variables });
      return body.data?.[field] ?? body.errors[0].extensions.code;
    };
    const none = { mode: 'ATOMIC', succeeded: 0 };
    const each = { mode: 'BEST_EFFORT', succeeded: 1 };
    expect(await ask('', ', mode: ATOMIC')).toEqual(none);
    expect(await ask(', $mode: BulkMode!', ', mode: $mode', 'ATOMIC')).toEqual(none);
    expect(await ask(', $mode: BulkMode', ', mode: $mode', 'ATOMIC')).toEqual(none);
    expect(await ask('', ', mode: BEST_EFFORT')).toEqual(each);
    expect(await ask(', $mode: BulkMode', ', mode: $mode')).toEqual(each);
    expect(await ask('', '')).toEqual(each);
    for (const mode of ['atomic', 'ALL', '', 1, true])
      expect(await ask(', $mode: BulkMode!', ', mode: $mode', mode)).toBe('VALIDATION_ERROR');
  });

  it('that is not atomic answers 200 in the documented shape, also where everything was refused', async () => {
    const status = verdict === 'approve' ? 'approved' : 'denied';
    const [fine, own] = [await add(10), await add(10, SENIOR)];
    for (const [asked, succeeded] of [
      [[fine, own], 1],
      [[fine, own], 0],
    ] as const) {
      const { status: http, body } = await post({ action_ids: asked });
      const { correlation_id, results } = body;
      const counts = { requested: 2, succeeded, failed: 2 - succeeded };
      expect(http).toBe(200);
      expect(Object.entries(body)).toEqual(Object.entries({ status, ...counts, correlation_id, results }));
      const first =
        succeeded === 1 ? { status, correlation_id } : { error_code: 'INVALID_STATE', status: 400 };
      expect(results).toMatchObject([
        { action_id: fine, ...first },
        { action_id: own, error_code: 'SELF_APPROVAL_FORBIDDEN', status: 403 },
      ]);
    }
  });

  async function statusOf(id: number): Promise<unknown> {
    const [row] = await gateway.database.sql('SELECT status FROM actions WHERE id = $1', [id]);
    return row?.['status'];
  }
});
