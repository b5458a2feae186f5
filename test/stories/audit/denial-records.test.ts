import { startGateway, type Answer, type Gateway } from '../../support/gateway';

/** Denied attempts are recorded (docs/audit-log.md#denied-attempts): what is recorded of them, what is not, and how often. */
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const NOBODY = { headers: {} };
const CORRELATION_ID = /^action_\d{8}_\d{6}_[0-9a-f]{16}$/;
const HEADERS = { 'user-agent': 'reviewer-browser/7', 'x-correlation-id': 'ticket-4711' };
const NOT_RECORDED = 'countersign_refusals_not_recorded_total';

interface DenialRecord {
  readonly organization: number;
  readonly actor: readonly [kind: string, id: number, onBehalfOf: number | null];
  readonly action: number | null;
  readonly code: string;
  readonly verdict: string;
  readonly reason: string | null;
  readonly riskScore: number | null;
  readonly levels: readonly [required: number | null, held: number | null];
  readonly ip: string;
  readonly userAgent: string;
  readonly client: string | null;
  readonly correlationId: string;
}

/** The refusals that are recorded while `work` runs, and how many were only counted. */
async function denialRecordsOf<T>(
  work: () => Promise<T>,
): Promise<{ result: T; recorded: DenialRecord[]; counted: number }> {
  const [before] = await gateway.database.sql<{ id: number }>('SELECT max(id) AS id FROM audit_log');
  const countedBefore = await notRecorded();
  const result = await work();
  const recorded = await gateway.database.sql<{ entry: DenialRecord }>(
    `SELECT json_build_object('organization', organization_id, 'actor', json_build_array(actor_kind, actor_id, on_behalf_of),
       'action', action_id, 'code', refusal_code, 'verdict', verdict, 'reason', reason, 'riskScore', risk_score,
       'levels', json_build_array(required_level, held_level), 'ip', ip_address, 'userAgent', user_agent,
       'client', client_correlation_id, 'correlationId', correlation_id) AS entry
     FROM audit_log WHERE id > $1 AND action_type = 'decision_refused' ORDER BY id`,
    [before?.id],
  );
  return {
    result,
    recorded: recorded.map(({ entry }) => entry),
    counted: (await notRecorded()) - countedBefore,
  };
}

async function notRecorded(): Promise<number> {
  const { text } = await gateway.rest('GET', '/metrics');
  return Number(new RegExp(`^${NOT_RECORDED} (\\d+)$`, 'm').exec(text)?.[1]);
}

type Deciders = Record<
  'REST' | 'GraphQL',
  (verdict: Verdict, id: number | readonly number[], who: Who) => Promise<Answer>
>;
type Verdict = 'approve' | 'reject';
interface Who {
  readonly user?: number;
  readonly apiKey?: string;
  readonly reason?: string;
  readonly headers?: Record<string, string>;
}

/** The same decision over either API; a list of ids is a bulk. */
const through: Deciders = {
  REST: (verdict, id, { reason, ...who }) => {
    const path = typeof id === 'number' ? `${String(id)}/${verdict}` : `bulk-${verdict}`;
    const body = typeof id === 'number' ? { reason } : { reason, action_ids: id };
    return gateway.rest('POST', `/api/v1/actions/${path}`, { ...who, body });
  },
  GraphQL: (verdict, id, { reason, ...who }) => {
    const variables = { id, reason };
    return typeof id === 'number'
      ? gateway.graphql(
          `mutation ($id: ID!, $reason: String) { ${verdict}Action(actionId: $id, reason: $reason) { status } }`,
          { ...who, variables },
        )
      : gateway.graphql(
          `mutation ($id: [ID!]!, $reason: String) { bulk${verdict === 'approve' ? 'Approve' : 'Reject'}Actions(actionIds: $id, reason: $reason) {
             results { refusal { code } } } }`,
          { ...who, variables },
        );
  },
};
const APIS = ['REST', 'GraphQL'] as const;

/** Makes the action of this situation, and returns who attempts to decide it. */
const SITUATIONS: readonly [
  what: string,
  code: string,
  tried: { user: number; score: number; submitter?: number; levels: [number | null, number | null] },
][] = [
  ['a role that decides nothing', 'INSUFFICIENT_PERMISSIONS', { user: 4, score: 10, levels: [null, null] }],
  ['too low a level', 'APPROVAL_LEVEL_REQUIRED', { user: 42, score: 72, levels: [3, 2] }],
  ['a risk limit', 'RISK_LIMIT_EXCEEDED', { user: 5, score: 30.5, levels: [1, 1] }],
  ['their own action', 'SELF_APPROVAL_FORBIDDEN', { user: 42, score: 10, submitter: 42, levels: [1, 2] }],
];

describe('a denied attempt is recorded with who, what, why and from where', () => {
  describe.each(APIS)('over %s', (api) => {
    it.each(SITUATIONS)('because of %s: %s', async (_what, code, { user, score, submitter, levels }) => {
      const [action = 0] = await gateway.addActions([score], submitter === undefined ? {} : { submitter });
      const { recorded, counted } = await denialRecordsOf(() =>
        through[api]('reject', action, { user, reason: 'not while I am here', headers: HEADERS }),
      );
      expect(recorded).toEqual([
        {
          organization: 1,
          actor: ['user', user, null],
          action,
          code,
          verdict: 'reject',
          reason: 'not while I am here',
          riskScore: code === 'INSUFFICIENT_PERMISSIONS' ? null : score,
          levels,
          ip: '127.0.0.1',
          userAgent: 'reviewer-browser/7',
          client: 'ticket-4711',
          correlationId: expect.stringMatching(CORRELATION_ID) as string,
        },
      ]);
      expect(counted).toBe(0);
    });

    it('because it is decided already: INVALID_STATE, with the correlation id that the client was told', async () => {
      const [action = 0] = await gateway.addActions([10]);
      await through.REST('approve', action, { user: 42 });
      const { result, recorded } = await denialRecordsOf(() => through[api]('approve', action, { user: 3 }));
      expect(recorded).toEqual([
        expect.objectContaining({ actor: ['user', 3, null], action, code: 'INVALID_STATE', client: null }),
      ]);
      expect(result.text).toContain(recorded[0]?.correlationId);
    });

    it('because it came with an API key: JWT_REQUIRED, on behalf of its owner', async () => {
      const [action = 0] = await gateway.addActions([10]);
      const apiKey = await gateway.apiKey({ owner: 42 });
      const [{ id: key } = { id: 0 }] = await gateway.database.sql<{ id: number }>(
        'SELECT max(id) AS id FROM api_keys',
      );
      const { result, recorded } = await denialRecordsOf(() =>
        through[api]('approve', action, { apiKey, headers: HEADERS }),
      );
      expect(result.text).toContain('JWT_REQUIRED');
      expect(recorded).toEqual([
        expect.objectContaining({
          actor: ['api_key', key, 42],
          action,
          code: 'JWT_REQUIRED',
          verdict: 'approve',
          client: 'ticket-4711',
        }),
      ]);
    });

    it('once for a whole bulk that the role or the credential refuses, naming no action', async () => {
      const actions = await gateway.addActions([10, 10, 10]);
      const apiKey = await gateway.apiKey({ owner: 1 });
      await forgetThrottle();
      const analyst = await denialRecordsOf(() => through[api]('approve', actions, { user: 4 }));
      const agent = await denialRecordsOf(() => through[api]('reject', actions, { apiKey }));
      expect(analyst.recorded).toEqual([
        expect.objectContaining({ actor: ['user', 4, null], action: null, code: 'INSUFFICIENT_PERMISSIONS' }),
      ]);
      expect(agent.recorded).toEqual([
        expect.objectContaining({
          actor: ['api_key', expect.any(Number), 1],
          action: null,
          code: 'JWT_REQUIRED',
          verdict: 'reject',
        }),
      ]);
    });

    it('once per item of a bulk for everything else, under one correlation id, and not for unknown ids', async () => {
      const [done = 0, fine = 0, high = 0] = await gateway.addActions([10, 10, 90]);
      const [own = 0] = await gateway.addActions([10], { submitter: 42 });
      await through.REST('reject', done, { user: 1 });
      const { recorded } = await denialRecordsOf(() =>
        through[api]('approve', [high, 8_000_000_000, done, 22345, own, fine], { user: 42, reason: 'all' }),
      );
      expect(recorded.map(({ action, code, reason }) => [action, code, reason])).toEqual([
        [high, 'APPROVAL_LEVEL_REQUIRED', 'all'],
        [done, 'INVALID_STATE', 'all'],
        [own, 'SELF_APPROVAL_FORBIDDEN', 'all'],
      ]);
      expect(new Set(recorded.map(({ correlationId }) => correlationId)).size).toBe(1);
    });

    it('but not for an unknown id or the id of another organization', async () => {
      const { result, recorded, counted } = await denialRecordsOf(async () => [
        await through[api]('approve', 8_000_000_000, { user: 42 }),
        await through[api]('reject', 22345, { user: 1 }),
        await through[api]('approve', [8_000_000_001, 22346], { user: 1 }),
      ]);
      for (const { text } of result) expect(text).toContain('ACTION_NOT_FOUND');
      expect({ recorded, counted }).toEqual({ recorded: [], counted: 0 });
    });

    it('but not for an unknown caller', async () => {
      const [action = 0] = await gateway.addActions([10]);
      const forged = `${gateway.token(1).slice(0, -6)}AAAAAA`;
      const { result, recorded, counted } = await denialRecordsOf(async () => [
        await through[api]('approve', action, NOBODY),
        await through[api]('approve', action, { headers: { authorization: `Bearer ${forged}` } }),
        await through[api]('approve', [action], { apiKey: `csk_${'A'.repeat(43)}` }),
        await through[api]('approve', action, { user: 6 }),
      ]);
      expect(result.map(({ text }) => /[A-Z]+_[A-Z_]+/.exec(text)?.[0])).toEqual([
        'MISSING_AUTH',
        'INVALID_TOKEN',
        'INVALID_API_KEY',
        'INVALID_TOKEN',
      ]);
      expect({ recorded, counted }).toEqual({ recorded: [], counted: 0 });
    });
  });
});

describe('the same refusal', () => {
  /** Thirty at once: single decisions over both APIs, and bulks that hold the action among others. */
  function thirtyAttempts(action: number, who: Who): Promise<Answer[]> {
    return Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        through[APIS[n % 2] ?? 'REST'](n % 4 < 2 ? 'approve' : 'reject', n % 5 < 3 ? action : [action], who),
      ),
    );
  }

  it('is recorded once a minute however many come at once, and the rest is counted', async () => {
    const [action = 0] = await gateway.addActions([90]);
    const first = await denialRecordsOf(() => thirtyAttempts(action, { user: 42 }));
    const found = first.recorded.map(({ action: about, code, verdict }) => [about, code, verdict]);
    expect(found.sort()).toEqual([
      [action, 'APPROVAL_LEVEL_REQUIRED', 'approve'],
      [action, 'APPROVAL_LEVEL_REQUIRED', 'reject'],
    ]);
    expect(first.counted).toBe(28);

    await ageThrottle('20 seconds');
    const soon = await denialRecordsOf(() => through.REST('approve', action, { user: 42 }));
    expect([soon.recorded.length, soon.counted]).toEqual([0, 1]);

    await ageThrottle('41 seconds');
    const later = await denialRecordsOf(() => thirtyAttempts(action, { user: 42 }));
    expect([later.recorded.length, later.counted]).toEqual([2, 28]);
  });

  it('of an API key is recorded once a minute, too', async () => {
    const [action = 0] = await gateway.addActions([10]);
    const apiKey = await gateway.apiKey({});
    const attempts = Array.from({ length: 30 }, (_, n) => APIS[n % 2] ?? 'REST');
    const { recorded, counted } = await denialRecordsOf(() =>
      Promise.all(attempts.map((api) => through[api]('approve', action, { apiKey }))),
    );
    expect([recorded.length, counted]).toEqual([1, 29]);
  });

  it('is a different one for another person, action or code', async () => {
    const [high = 0, higher = 0] = await gateway.addActions([90, 95]);
    const { recorded, counted } = await denialRecordsOf(async () => {
      for (const user of [3, 42])
        for (const id of [high, higher]) await through.REST('approve', id, { user });
      await through.REST('approve', high, { user: 1 });
      await through.REST('approve', high, { user: 2 });
      await gateway.database.sql('UPDATE users SET approval_level = 4 WHERE id = 42');
      await through.REST('approve', high, { user: 42 });
      await gateway.database.sql('UPDATE users SET approval_level = 2 WHERE id = 42');
    });
    expect(recorded.map(({ actor, action, code }) => [actor[1], action, code])).toEqual([
      [3, high, 'APPROVAL_LEVEL_REQUIRED'],
      [3, higher, 'APPROVAL_LEVEL_REQUIRED'],
      [42, high, 'APPROVAL_LEVEL_REQUIRED'],
      [42, higher, 'APPROVAL_LEVEL_REQUIRED'],
      [2, high, 'APPROVAL_LEVEL_REQUIRED'],
      [42, high, 'INVALID_STATE'],
    ]);
    expect(counted).toBe(0);
  });
});

async function ageThrottle(by: string): Promise<void> {
  await gateway.database.sql(`UPDATE refusal_throttle SET recorded_at = recorded_at - interval '${by}'`);
}

async function forgetThrottle(): Promise<void> {
  await gateway.database.sql('TRUNCATE refusal_throttle, refusal_windows');
}
