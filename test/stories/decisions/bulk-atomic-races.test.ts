import { askBulk, decideBulk, outcomesOf, readBulk, type Bulk } from '../../support/bulk';
import { pick, race, rowsOf, statusOf, winnersOf, type Entrant } from '../../support/bulk-race';
import { decide, APIS, outcomeOf, VERDICTS } from '../../support/apis';
import type { Gateway } from '../../support/gateway';
import { inTurnWhileHeld } from '../../support/held-requests';
import { addPeople, setUser } from '../../support/people';
import { newPolicy, REVIEWERS, startRace } from '../../support/racing';
import { cases } from '../../support/runs';

/** However close the race, an atomic bulk decides all of its actions or none, by what is true at that moment. */
let gateways: readonly [Gateway, Gateway];
let gateway: Gateway;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ gateways, close } = await startRace());
  [gateway] = gateways;
});
afterAll(() => close());

const RACERS = REVIEWERS.slice(60);
const [ANN = 0, BOB = 0, CAT = 0] = RACERS;
describe('atomic bulks at the same moment', () => {
  it('of overlapping actions in opposite order, approve against reject: one of two wins completely, every time', async () => {
    for (let round = 0; round < cases(16, 60); round += 1) {
      const [a = 0, b = 0, c = 0, d = 0, e = 0] = await gateway.addActions([10, 50, 72, 90, 10]);
      const entrants: Entrant[] = [
        { user: ANN, verdict: pick(VERDICTS, round), ids: [a, b, c, d] },
        { user: BOB, verdict: pick(VERDICTS, round + 1), ids: [e, d, c, b] },
      ];
      expect(await winnersOf(gateway, entrants, await race(gateways, entrants, round))).toHaveLength(1);
    }
  });

  it('of three out of twelve actions each: of forty, a bulk that loses an action loses all, and no two win the same', async () => {
    for (let round = 0; round < cases(2, 5); round += 1) {
      const ids = await gateway.addActions(Array.from({ length: 12 }, (_, n) => n * 8));
      const entrants = RACERS.map((user, n): Entrant => {
        const some = [0, 1 + (n % 4), 6].map((step) => ids[(n * 5 + step) % 12] ?? 0);
        return { user, verdict: pick(VERDICTS, n >> 2), ids: n % 3 === 0 ? some.reverse() : some };
      });
      const winners = await winnersOf(gateway, entrants, await race(gateways, entrants, round));
      expect(winners.length).toBeGreaterThan(0);
      const isLost = ({ ids: lost }: Entrant) =>
        winners.some((won) => won.ids.some((id) => lost.includes(id)));
      expect(entrants.filter((entrant) => !winners.includes(entrant)).every(isLost)).toBe(true);
    }
  });

  it('decide all or none, also beside bulks that decide what they can', async () => {
    for (let round = 0; round < cases(6, 15); round += 1) {
      const ids = await gateway.addActions([10, 20, 30, 40, 50, 60]);
      const entrants = RACERS.slice(0, 8).map((user, n): Entrant => {
        const some = ids.slice(n % 3, 4 + (n % 3));
        const mode = pick(['best_effort', 'atomic'] as const, n);
        return { user, verdict: pick(VERDICTS, n >> 2), ids: n % 4 < 2 ? some.reverse() : some, mode };
      });
      await winnersOf(gateway, entrants, await race(gateways, entrants, round));
    }
  });

  it('beside single decisions on one of their actions win it with all the others, or none', async () => {
    for (let round = 0; round < cases(12, 40); round += 1) {
      const ids = await gateway.addActions([10, 50, 72]);
      const fought = ids[round % 3] ?? 0;
      const [verdict, other] = [pick(VERDICTS, round), pick(VERDICTS, round >> 1)];
      const entrant: Entrant = { user: ANN, verdict, ids };
      const [[bulk = missing()], single] = await Promise.all([
        race(gateways, [entrant], round),
        decide(pick(gateways, 1 + (round >> 2)), pick(APIS, round), other, fought, { user: BOB }),
      ]);
      const rows = (await rowsOf(gateway, ids)).map(({ status, by, votes }) => [status, by, votes]);
      if (single.code === null) {
        const left = (id: number, not: unknown, then: unknown) => (id === fought ? then : not);
        expect(outcomesOf(bulk)).toEqual(ids.map((id) => left(id, 'NOT_ATTEMPTED', 'INVALID_STATE')));
        const pending = ['pending_approval', null, 0];
        expect(rows).toEqual(ids.map((id) => left(id, pending, [statusOf(other), BOB, 1])));
      } else {
        expect(single.code).toBe('INVALID_STATE');
        expect(outcomesOf(bulk)).toEqual(ids.map(() => statusOf(verdict)));
        expect(rows).toEqual(ids.map(() => [statusOf(verdict), ANN, 1]));
      }
    }
  });
});

describe('atomic bulks at the same moment, where two approvals are required,', () => {
  beforeAll(() => gateway.database.sql(newPolicy({ approvalLevels: true, quorum: { medium: 2 } })));
  const vote = (user: number, ids: readonly number[]): Entrant => ({ user, verdict: 'approve', ids });
  const sorted = (bulks: readonly Bulk[]) =>
    bulks.map((bulk) => [...new Set(outcomesOf(bulk))].join()).sort();

  it('of three reviewers for the same actions record all votes of one, then all of another, and none of the third', async () => {
    for (let round = 0; round < cases(8, 20); round += 1) {
      const ids = await gateway.addActions([40, 50, 60, 69]);
      const bulks = await race(
        gateways,
        [vote(ANN, ids), vote(BOB, [...ids].reverse()), vote(CAT, ids)],
        round,
      );
      expect(sorted(bulks)).toEqual(['INVALID_STATE', 'approved', 'pending_approval']);
      for (const row of await rowsOf(gateway, ids))
        expect(row).toMatchObject({ status: 'approved', approvals: 2, votes: 2 });
    }
  });

  it('of one reviewer twice record one vote on each action', async () => {
    for (let round = 0; round < cases(8, 20); round += 1) {
      const ids = await gateway.addActions([40, 50, 60]);
      const bulks = await race(gateways, [vote(ANN, ids), vote(ANN, [...ids].reverse())], round);
      expect(sorted(bulks)).toEqual(['ALREADY_VOTED', 'pending_approval']);
      for (const row of await rowsOf(gateway, ids)) expect(row).toMatchObject({ approvals: 1, votes: 1 });
    }
  });

  it('an approval against a rejection: all are denied, with all of the votes or none of them', async () => {
    for (let round = 0; round < cases(8, 20); round += 1) {
      const ids = await gateway.addActions([40, 50, 60]);
      const [approval = missing(), rejection = missing()] = await race(
        gateways,
        [vote(ANN, ids), { user: BOB, verdict: 'reject', ids: [...ids].reverse() }],
        round,
      );
      const [outcome] = outcomesOf(approval);
      expect(outcomesOf(approval)).toEqual(ids.map(() => outcome));
      expect(outcomesOf(rejection)).toEqual(ids.map(() => 'denied'));
      const approvals = outcome === 'pending_approval' ? 1 : 0;
      for (const row of await rowsOf(gateway, ids))
        expect(row).toMatchObject({ status: 'denied', by: BOB, approvals, votes: 1 + approvals });
    }
  });
});

describe('an atomic bulk is authorized again, for all of its actions, where something changed while it waited', () => {
  type Change = (user: number, action: number) => string;
  const ofUser =
    (what: string): Change =>
    (user) =>
      `UPDATE users SET ${what} WHERE id = ${String(user)}`;
  const ofAction =
    (what: string): Change =>
    (user, action) =>
      `UPDATE actions SET version = version + 1, ${what.replace('$user', String(user))} WHERE id = ${String(action)}`;
  const ofPolicy =
    (document: object): Change =>
    () =>
      newPolicy({ approvalLevels: true, ...document });
  const both =
    (first: Change, second: Change): Change =>
    (...about) =>
      `WITH first AS (${first(...about)}) ${second(...about)}`;
  const EXPIRY = `submitted_at = now() - interval '2 hours', expires_at = now() - interval '1 hour'`;
  const DECISION = `status = 'denied', decided_by_kind = 'user', decided_by = 1, decided_at = now(), correlation_id = 'x'`;
  const decidedFirst: Change = (_user, action) => ofAction(DECISION)(0, action - 1);

  /** The reviewer begins as a manager of level 3 without a limit; the actions have scores 10, 62 and 20. */
  const REFUSED: readonly [code: string, what: string, change: Change][] = [
    ['APPROVAL_LEVEL_REQUIRED', 'the reviewer loses two levels', ofUser('approval_level = 1')],
    ['RISK_LIMIT_EXCEEDED', 'the reviewer gets a lower limit', ofUser('max_risk_score = 61.9')],
    ['RISK_LIMIT_EXCEEDED', 'the policy limits managers', ofPolicy({ managerMaxRiskScore: 61.9 })],
    ['APPROVAL_LEVEL_REQUIRED', 'the policy asks for more', ofPolicy({ requiredLevels: { medium: 4 } })],
    ['BULK_NOT_ALLOWED', 'the policy keeps it out of bulks', ofPolicy({ excludedFromBulk: ['medium'] })],
    ['REASON_REQUIRED', 'the policy asks why', ofPolicy({ reasonRequired: { approve: ['medium'] } })],
    ['APPROVAL_LEVEL_REQUIRED', "one action's risk rises", ofAction('risk_score = 85')],
    ['SELF_APPROVAL_FORBIDDEN', 'one action turns out to be their own', ofAction('submitted_by = $user')],
    ['INVALID_STATE', 'one action is decided', ofAction(DECISION)],
    ['INVALID_STATE', 'one action expires', ofAction(EXPIRY)],
  ];
  const GONE: readonly [code: string, http: number, what: string, change: Change][] = [
    ['INSUFFICIENT_PERMISSIONS', 403, 'made a user', ofUser(`role = 'user'`)],
    ['INVALID_TOKEN', 401, 'deactivated', ofUser('active = false')],
    [
      'INSUFFICIENT_PERMISSIONS',
      403,
      'made a user as one is decided',
      both(ofUser(`role = 'user'`), decidedFirst),
    ],
  ];
  const ALLOWED: readonly [what: string, change: Change, middle?: string][] = [
    ['the reviewer loses one level, which is still enough', ofUser('approval_level = 2')],
    ['the reviewer gets a limit that allows them', ofUser('max_risk_score = 62')],
    ['the policy limits managers to what they are', ofPolicy({ managerMaxRiskScore: 62 })],
    ["one action's risk rises within its risk level", ofAction('risk_score = 69')],
    ['the policy asks for a second approval of one', ofPolicy({ quorum: { medium: 2 } }), 'pending_approval'],
  ];

  async function situation(): Promise<{ user: number; ids: number[]; middle: number }> {
    const [user = 0] = await addPeople(gateway, ['A reviewer'], { level: 3 });
    await gateway.database.sql(newPolicy({ approvalLevels: true }));
    const ids = await gateway.addActions([10, 62, 20]);
    return { user, ids, middle: ids[1] ?? 0 };
  }

  /** What is recorded of the reviewer: [type, action, code, held level, score], all under the policy in force. */
  async function entriesBy(user: number): Promise<unknown[]> {
    const rows = await gateway.database.sql<{ entry: unknown }>(
      `SELECT json_build_array(action_type, action_id, refusal_code, held_level, risk_score) AS entry FROM audit_log
       WHERE actor_id = $1 AND policy_version = (SELECT policy_version FROM organizations WHERE id = 1) ORDER BY id`,
      [user],
    );
    return rows.map(({ entry }) => entry);
  }

  describe.each(APIS)('over %s', (api) => {
    const during = async (change: string, user: number, ids: readonly number[]) => {
      const [answer = missing()] = await inTurnWhileHeld(gateway, change, () =>
        askBulk(gateway, api, 'approve', ids, { user, mode: 'atomic' }),
      );
      return answer;
    };

    it.each(REFUSED)('%s where %s, and none is decided', async (code, _what, change) => {
      const { user, ids, middle } = await situation();
      const bulk = readBulk(await during(change(user, middle), user, ids));
      expect(outcomesOf(bulk)).toEqual(['NOT_ATTEMPTED', code, 'NOT_ATTEMPTED']);
      for (const { status, by, votes } of await rowsOf(gateway, ids)) {
        expect(votes).toBe(0);
        expect([status, by]).not.toEqual(['approved', user]);
      }
      const [now] = await gateway.database.sql(
        'SELECT approval_level, risk_score FROM users u, actions a WHERE u.id = $1 AND a.id = $2',
        [user, middle],
      );
      expect(await entriesBy(user)).toEqual([
        ['decision_refused', middle, code, now?.['approval_level'], now?.['risk_score']],
      ]);
    });

    it.each(GONE)('%s (%d) for the request of a reviewer who is %s', async (code, http, _what, change) => {
      const { user, ids, middle } = await situation();
      const answer = await during(change(user, middle), user, ids);
      expect(outcomeOf(answer)).toMatchObject({ code, status: http, http: api === 'rest' ? http : 200 });
      expect((await rowsOf(gateway, ids)).map(({ votes }) => votes)).toEqual([0, 0, 0]);
      expect(await entriesBy(user)).toEqual([['decision_refused', null, code, null, null]]);
    });

    it.each(ALLOWED)('decides all where %s', async (_what, change, outcome = 'approved') => {
      const { user, ids, middle } = await situation();
      const bulk = readBulk(await during(change(user, middle), user, ids));
      expect(outcomesOf(bulk)).toEqual(['approved', outcome, 'approved']);
      const rows = await rowsOf(gateway, ids);
      expect(rows.map(({ status, votes }) => [status, votes])).toEqual([
        ['approved', 1],
        [outcome, 1],
        ['approved', 1],
      ]);
      expect(await entriesBy(user)).toHaveLength(3);
    });

    it('names both refusals where one action is decided and the risk of another rises', async () => {
      const { user, ids, middle } = await situation();
      const change = both(decidedFirst, ofAction('risk_score = 85'))(user, middle);
      const bulk = readBulk(await during(change, user, ids));
      expect(outcomesOf(bulk)).toEqual(['INVALID_STATE', 'APPROVAL_LEVEL_REQUIRED', 'NOT_ATTEMPTED']);
    });
  });

  it('refuses the request of a reviewer who is made a user between two attempts, and none is decided', async () => {
    const { user, ids, middle } = await situation();
    const [bulk] = await inTurnWhileHeld<unknown>(
      gateway,
      ofAction('risk_score = 69')(user, middle),
      () => decideBulk(gateway, 'graphql', 'approve', ids, { user, mode: 'atomic' }),
      () => setUser(gateway, 1, user, { role: 'USER' }),
    );
    expect(bulk).toMatchObject({ refusal: 'INSUFFICIENT_PERMISSIONS', items: [] });
    const rows = (await rowsOf(gateway, ids)).map(({ status, votes }) => [status, votes]);
    expect(rows).toEqual(ids.map(() => ['pending_approval', 0]));
    expect(await entriesBy(user)).toEqual([
      ['decision_refused', null, 'INSUFFICIENT_PERMISSIONS', null, null],
    ]);
  });

  it('decides all or none where its reviewer is made a user and a risk rises at the same moment, every time', async () => {
    const decided = ['approved', 'approved', 'approved'];
    const refused = [
      ['NOT_ATTEMPTED', 'APPROVAL_LEVEL_REQUIRED', 'NOT_ATTEMPTED'],
      ['INSUFFICIENT_PERMISSIONS'],
    ];
    for (let round = 0; round < cases(12, 40); round += 1) {
      const { user, ids, middle } = await situation();
      const changes = [ofUser(`role = 'user'`), ofAction('risk_score = 85')].map((change) =>
        change(user, middle),
      );
      const [bulk] = await Promise.all([
        decideBulk(gateway, pick(APIS, round), 'approve', ids, { user, mode: 'atomic' }),
        ...changes.map((change) => gateway.database.sql(change)),
      ]);
      const outcomes = bulk.refusal === null ? outcomesOf(bulk) : [bulk.refusal];
      expect([decided, ...refused]).toContainEqual(outcomes);
      const isDecided = outcomes.every((outcome) => outcome === 'approved');
      const rows = (await rowsOf(gateway, ids)).map(({ by, votes }) => [by, votes]);
      expect(rows).toEqual(ids.map(() => (isDecided ? [user, 1] : [null, 0])));
    }
  });

  describe('and the answer, with everything that is read right after,', () => {
    const query = `mutation ($ids: [ID!]!) { bulkApproveActions(actionIds: $ids, mode: ATOMIC) {
      results { decision { action { id status riskScore } } refusal { code currentStatus decidedBy } } } }`;
    const during = async (change: Change) => {
      const { user, ids, middle } = await situation();
      const [answer = missing()] = await inTurnWhileHeld(gateway, change(user, middle), () =>
        gateway.graphql(query, { user, variables: { ids } }),
      );
      const seen = ids.map((id, n) => `a${String(n)}: action(id: ${String(id)}) { id status riskScore }`);
      const { body } = await gateway.graphql(`{ ${seen.join(' ')} }`, { user });
      return { ids: ids.map(String), after: body.data, results: answer.body.data.bulkApproveActions.results };
    };

    it('shows nothing of what a lost race rolled back', async () => {
      const { ids, after, results } = await during(ofAction(DECISION));
      const left = {
        decision: null,
        refusal: { code: 'NOT_ATTEMPTED', currentStatus: null, decidedBy: null },
      };
      const lost = { code: 'INVALID_STATE', currentStatus: 'DENIED', decidedBy: '1' };
      expect(results).toEqual([left, { decision: null, refusal: lost }, left]);
      const pending = { status: 'PENDING_APPROVAL' };
      expect(after).toEqual({
        a0: { id: ids[0], ...pending, riskScore: 10 },
        a1: { id: ids[1], status: 'DENIED', riskScore: 62 },
        a2: { id: ids[2], ...pending, riskScore: 20 },
      });
    });

    it('shows every action as it is by then', async () => {
      const { ids, after, results } = await during(ofAction('risk_score = 69'));
      const actions = [10, 69, 20].map((riskScore, n) => ({ id: ids[n], status: 'APPROVED', riskScore }));
      expect(results).toEqual(actions.map((action) => ({ decision: { action }, refusal: null })));
      expect(Object.values(after)).toEqual(actions);
    });
  });
});

function missing(): never {
  throw new Error('An answer or a row is missing');
}
