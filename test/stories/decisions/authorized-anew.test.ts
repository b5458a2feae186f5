import type { Gateway } from '../../support/gateway';
import { APIS, newPolicy, REVIEWERS, startRace } from '../../support/racing';

/**
 * A decision is bound to what was authorized: the reviewer, the policy and the action as they were then
 * (docs/approval-policy.md#one-decision-per-action).
 */
let gateway: Gateway;
let close: () => Promise<void>;

beforeAll(async () => {
  const race = await startRace();
  [gateway] = race.gateways;
  close = race.close;
});
afterAll(() => close());

describe('a decision is authorized again where something changed before its write', () => {
  type Change = (user: number, action: number) => string;
  const ofUser =
    (what: string): Change =>
    (user) =>
      `UPDATE users SET ${what} WHERE id = ${String(user)}`;
  const ofAction =
    (what: string): Change =>
    (_user, action) =>
      `UPDATE actions SET version = version + 1, ${what} WHERE id = ${String(action)}`;
  const ofPolicy =
    (document: object): Change =>
    () =>
      newPolicy({ approvalLevels: true, ...document });
  /** The reviewer begins as a manager of level 3 without a limit, the action with score 62. */
  const CHANGES: readonly [outcome: string, what: string, change: Change][] = [
    ['INSUFFICIENT_PERMISSIONS', 'the reviewer is made a user', ofUser(`role = 'user'`)],
    ['INVALID_TOKEN', 'the reviewer is deactivated', ofUser('active = false')],
    ['APPROVAL_LEVEL_REQUIRED', 'the reviewer loses two levels', ofUser('approval_level = 1')],
    ['RISK_LIMIT_EXCEEDED', 'the reviewer gets a lower limit', ofUser('max_risk_score = 61.9')],
    ['RISK_LIMIT_EXCEEDED', 'the policy limits managers', ofPolicy({ managerMaxRiskScore: 61.9 })],
    ['APPROVAL_LEVEL_REQUIRED', "the action's risk rises", ofAction('risk_score = 85')],
    ['SELF_APPROVAL_FORBIDDEN', 'the action turns out to be their own', ofAction('submitted_by = $user')],
    ['decided', 'the reviewer loses one level, which is still enough', ofUser('approval_level = 2')],
    ['decided', 'the reviewer gets a limit that allows it', ofUser('max_risk_score = 62')],
    ['decided', 'the policy limits managers to what it is', ofPolicy({ managerMaxRiskScore: 62 })],
    ['decided', "the action's risk rises within its risk level", ofAction('risk_score = 69')],
  ];
  let nextReviewer = 0;

  async function situation(): Promise<{ user: number; action: number }> {
    const user = REVIEWERS[nextReviewer++] ?? 0;
    await gateway.database.sql('UPDATE users SET approval_level = 3 WHERE id = $1', [user]);
    await gateway.database.sql(newPolicy({ approvalLevels: true }));
    const [action = 0] = await gateway.addActions([62]);
    return { user, action };
  }

  describe.each(APIS)('over %s', (_api, decide) => {
    it.each(CHANGES)('%s where %s', async (outcome, _what, change) => {
      const code = outcome === 'decided' ? null : outcome;
      const { user, action } = await situation();
      const statement = change(user, action).replace('$user', String(user));
      const [tried] = await duringChange(statement, () => decide(gateway, user, 'approve', action));
      expect(tried?.code).toBe(code);

      const [now] = await gateway.database.sql(
        `SELECT a.status, a.risk_score, o.policy_version, u.approval_level,
           (SELECT array_agg(policy_version) FROM votes WHERE action_id = a.id) AS votes
         FROM actions a, organizations o, users u WHERE a.id = $1 AND o.id = 1 AND u.id = $2`,
        [action, user],
      );
      const entries = await gateway.database.sql(
        `SELECT action_type, actor_id, refusal_code, policy_version, held_level, risk_score FROM audit_log
         WHERE action_id = $1`,
        [action],
      );
      const policy = now?.['policy_version'];
      const isAllowed = code === null;
      expect(now).toMatchObject({
        status: isAllowed ? 'approved' : 'pending_approval',
        votes: isAllowed ? [policy] : null,
      });
      const weighed = { held_level: now?.['approval_level'], risk_score: now?.['risk_score'] };
      const isOfAction = code !== 'INSUFFICIENT_PERMISSIONS' && code !== 'INVALID_TOKEN';
      expect(entries).toEqual([
        {
          action_type: isAllowed ? 'action_approved' : 'decision_refused',
          actor_id: user,
          refusal_code: code,
          policy_version: policy,
          ...(isOfAction ? weighed : { held_level: null, risk_score: null }),
        },
      ]);
    });

    it('a bulk whose reviewer is made a user meanwhile is refused whole, with one entry', async () => {
      const { user } = await situation();
      const ids = await gateway.addActions([62, 10]);
      const attempts = await duringChange(ofUser(`role = 'user'`)(user, 0), () =>
        decide(gateway, user, 'approve', ids),
      );
      expect(attempts.map(({ code }) => code)).toEqual([
        'INSUFFICIENT_PERMISSIONS',
        'INSUFFICIENT_PERMISSIONS',
      ]);
      const entries = await gateway.database.sql(
        'SELECT action_id, refusal_code FROM audit_log WHERE actor_id = $1',
        [user],
      );
      expect(entries).toEqual([{ action_id: null, refusal_code: 'INSUFFICIENT_PERMISSIONS' }]);
      expect(await statusesOf(ids)).toEqual(['pending_approval', 'pending_approval']);
    });

    it('a bulk whose reviewer loses two levels meanwhile decides what the new level allows', async () => {
      const { user } = await situation();
      const ids = await gateway.addActions([62, 10, 72]);
      const attempts = await duringChange(ofUser('approval_level = 1')(user, 0), () =>
        decide(gateway, user, 'reject', ids),
      );
      expect(attempts.map(({ code }) => code)).toEqual([
        'APPROVAL_LEVEL_REQUIRED',
        null,
        'APPROVAL_LEVEL_REQUIRED',
      ]);
      expect(await statusesOf(ids)).toEqual(['pending_approval', 'denied', 'pending_approval']);
    });
  });
});

async function statusesOf(ids: readonly number[]): Promise<unknown[]> {
  const rows = await gateway.database.sql(
    'SELECT status FROM actions WHERE id = ANY ($1) ORDER BY array_position($1, id)',
    [ids],
  );
  return rows.map(({ status }) => status);
}

/** Makes a change that commits only once the request, authorized before it, waits inside its write. */
async function duringChange<T>(change: string, request: () => Promise<T>): Promise<T> {
  let isAnswered = false;
  const answer = await gateway.database.owner.transaction(async (sql) => {
    await sql.query({ name: 'change', text: change }, []);
    const pending = request().finally(() => (isAnswered = true));
    while (!(await somebodyWaits())) if (isAnswered) throw new Error('The write did not wait for the change');
    return { pending };
  });
  return answer.pending;
}

async function somebodyWaits(): Promise<boolean> {
  const waiting = await gateway.database.sql(
    'SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()',
  );
  return waiting.length > 0;
}
