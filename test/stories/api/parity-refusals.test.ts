import { decide, inRestWords, outcomeOf, VERDICTS, type Outcome } from '../../support/apis';
import { startGateway, type Answer, type Gateway, type RequestOptions } from '../../support/gateway';
import { expectParity, traceOf, type Trace } from '../../support/parity';

/**
 * Each refusal of a decision over REST beside GraphQL: same code, status, detail, facts, denial record and statements.
 */
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const UNKNOWN_ID = 999_999_999;
const CLIENT = { 'x-correlation-id': 'client-7' };

interface Refused {
  readonly title: string;
  readonly code: string;
  readonly status: number;
  readonly request: RequestOptions & { reason?: unknown };
  /** How the action differs from a pending one of score 35 that user 4 submitted. */
  readonly score?: number;
  readonly submitter?: number;
  readonly decided?: true;
  /** The id to send instead of the action's. */
  readonly id?: unknown;
  /** What else the answer says. */
  readonly told?: { readonly detail?: string; readonly facts: Readonly<Record<string, unknown>> };
}

const KEY = 'a key of the test';
const BAD_TOKEN = { authorization: 'Bearer e30.e30.e30' };
const long = { user: 42, reason: 'x'.repeat(2001) };
const BY_ROLE = {
  detail: 'Role user lacks the permission for this operation, which is for admin, security_manager, manager',
  facts: { required_roles: ['admin', 'security_manager', 'manager'], held_role: 'user' },
};

// prettier-ignore
const REFUSED: readonly Refused[] = [
  { title: 'nobody', code: 'MISSING_AUTH', status: 401, request: {} },
  { title: 'a forged token', code: 'INVALID_TOKEN', status: 401, request: { headers: BAD_TOKEN } },
  { title: 'a deactivated manager', code: 'INVALID_TOKEN', status: 401, request: { user: 6 } },
  { title: 'an unknown API key', code: 'INVALID_API_KEY', status: 401, request: { apiKey: `csk_${'A'.repeat(43)}` } },
  { title: 'an API key', code: 'JWT_REQUIRED', status: 401, request: { apiKey: KEY } },
  { title: 'an API key with a reason', code: 'JWT_REQUIRED', status: 401, request: { apiKey: KEY, reason: 'Me' } },
  { title: 'an analyst', code: 'INSUFFICIENT_PERMISSIONS', status: 403, request: { user: 4, reason: 'Me' }, told: BY_ROLE },
  { title: 'an id of 0', code: 'VALIDATION_ERROR', status: 422, request: { user: 42 }, id: 0 },
  { title: 'an id above 2^53-1', code: 'VALIDATION_ERROR', status: 422, request: { user: 42 }, id: '9007199254740993' },
  { title: 'an id that is none', code: 'VALIDATION_ERROR', status: 422, request: { user: 42 }, id: '12x' },
  { title: 'too long a reason', code: 'VALIDATION_ERROR', status: 422, request: long },
  { title: 'a reason with U+0000', code: 'VALIDATION_ERROR', status: 422, request: { user: 42, reason: 'a\0b' } },
  { title: 'half a surrogate pair', code: 'VALIDATION_ERROR', status: 422, request: { user: 42, reason: 'a\ud800' } },
  { title: 'two faults', code: 'VALIDATION_ERROR', status: 422, request: long, id: '-1' },
  { title: 'an unknown id', code: 'ACTION_NOT_FOUND', status: 404, request: { user: 42 }, id: UNKNOWN_ID },
  { title: "another organization's id", code: 'ACTION_NOT_FOUND', status: 404, request: { user: 42 }, id: 22345 },
  { title: 'too low a level', code: 'APPROVAL_LEVEL_REQUIRED', status: 403, request: { user: 3, reason: 'Me' }, score: 72, told: { facts: { required_level: 3, held_level: 1 } } },
  { title: 'a risk limit', code: 'RISK_LIMIT_EXCEEDED', status: 403, request: { user: 5 }, told: { facts: { risk_score: 35, risk_limit: 30 } } },
  { title: 'an own action', code: 'SELF_APPROVAL_FORBIDDEN', status: 403, request: { user: 42 }, submitter: 42, told: { facts: { submitted_by: 42 } } },
  { title: 'a decided action', code: 'INVALID_STATE', status: 400, request: { user: 42, reason: 'Late' }, decided: true, told: { facts: { current_status: 'denied', decided_by: 1, decided_at: 'time' } } },
];
/** These are not attempts of a known caller (docs/audit-log.md#denied-attempts). */
const NOT_RECORDED = [
  'MISSING_AUTH',
  'INVALID_TOKEN',
  'INVALID_API_KEY',
  'VALIDATION_ERROR',
  'ACTION_NOT_FOUND',
];

describe.each(VERDICTS)('to %s', (verdict) => {
  it.each(REFUSED)('is refused the same over either API: $title, $code', async (refused) => {
    const { code, status, request, score = 35, submitter, decided, id: asked, told } = refused;
    const added = { ...(submitter !== undefined && { submitter }) };
    const sets = [
      await gateway.addActions([score], added),
      await gateway.addActions([score], added),
    ] as const;
    for (const [id] of sets) if (decided) await decide(gateway, 'rest', 'reject', id, { user: 1 });
    const by = await withKey({ ...request, headers: { ...CLIENT, ...request.headers } });

    const trace = await expectParity(
      gateway,
      sets,
      async ([id]) => comparable(await decide(gateway, 'rest', verdict, asked ?? id, by)),
      async ([id]) => comparable(await decide(gateway, 'graphql', verdict, asked ?? id, by)),
    );
    expect(trace.answer).toMatchObject({ code, status, ...told });
    const denialRecords = { action_type: 'decision_refused', action_id: 'id 0', refusal_code: code, verdict };
    expect(trace.entries).toMatchObject(NOT_RECORDED.includes(code) ? [] : [{ entry: denialRecords }]);
  });

  it.each([
    ['by nobody', 'MISSING_AUTH', {}, [12345]],
    ['by an API key', 'JWT_REQUIRED', { apiKey: KEY, reason: 'Me' }, [12345]],
    ['by an analyst', 'INSUFFICIENT_PERMISSIONS', { user: 4, reason: 'Me' }, [12345, 12346]],
    ['of no id', 'VALIDATION_ERROR', { user: 42 }, []],
    ['of 501 ids', 'VALIDATION_ERROR', { user: 42 }, Array.from({ length: 501 }, () => 12345)],
    ['of ids that are none', 'VALIDATION_ERROR', { user: 42 }, [12345, 0, -1, 2 ** 53]],
    ['with too long a reason', 'VALIDATION_ERROR', long, [12345]],
  ])('a bulk %s is refused as a whole and the same over either API, %s', async (_title, code, asked, ids) => {
    const { reason, ...request } = (await withKey(asked)) as Refused['request'];
    const path = `/api/v1/actions/bulk-${verdict}`;
    const field = verdict === 'approve' ? 'bulkApproveActions' : 'bulkRejectActions';
    const query = `mutation ($ids: [ID!]!, $reason: String) { ${field}(actionIds: $ids, reason: $reason) { requested } }`;
    const [rest, graphql] = [
      await traceRefusedBulk(() =>
        gateway.rest('POST', path, { ...request, body: { action_ids: ids, reason } }),
      ),
      await traceRefusedBulk(() => gateway.graphql(query, { ...request, variables: { ids, reason } })),
    ];
    expect(graphql).toEqual(rest);
    expect(rest.answer).toMatchObject({ code, ...(code === 'INSUFFICIENT_PERMISSIONS' && BY_ROLE) });
    expect(rest.entries).toHaveLength(NOT_RECORDED.includes(code) ? 0 : 1);
  });
});

describe.each(VERDICTS)('to %s, where the policy requires a reason and single decisions,', (verdict) => {
  const POLICY = { reasonRequired: { [verdict]: ['medium'] }, excludedFromBulk: ['low'] };
  const ORGANIZATION = { organization: 2 };

  beforeAll(() =>
    gateway.database.sql(
      `WITH added AS (
         INSERT INTO approval_policies (organization_id, version, document)
         SELECT id, policy_version + 1, $1 FROM organizations WHERE id = 2 RETURNING version
       )
       UPDATE organizations SET policy_version = added.version FROM added WHERE id = 2`,
      [JSON.stringify(POLICY)],
    ),
  );

  it('a verdict without a reason is refused the same over either API, REASON_REQUIRED', async () => {
    const sets = [
      await gateway.addActions([50], ORGANIZATION),
      await gateway.addActions([50], ORGANIZATION),
    ] as const;
    const by = { user: 101, reason: ' \n' };
    const trace = await expectParity(
      gateway,
      sets,
      async ([id]) => comparable(await decide(gateway, 'rest', verdict, id, by)),
      async ([id]) => comparable(await decide(gateway, 'graphql', verdict, id, by)),
    );
    const facts = { risk_level: 'medium' };
    expect(trace.answer).toMatchObject({ status: 422, code: 'REASON_REQUIRED', facts });
    const denialRecords = {
      action_type: 'decision_refused',
      action_id: 'id 0',
      refusal_code: 'REASON_REQUIRED',
    };
    expect(trace.entries).toMatchObject([{ entry: denialRecords }]);
  });

  it('a bulk is refused each item the same over either API', async () => {
    const scores = [35, 50, 90];
    const sets = [
      await gateway.addActions(scores, ORGANIZATION),
      await gateway.addActions(scores, ORGANIZATION),
    ] as const;
    const field = verdict === 'approve' ? 'bulkApproveActions' : 'bulkRejectActions';
    const query = `mutation ($ids: [ID!]!) { bulk: ${field}(actionIds: $ids) { results { actionId refusal {
      code status detail currentStatus requiredLevel heldLevel riskScore riskLimit requiredRoles heldRole submittedBy
      riskLevel approvalsReceived approvalsRequired } } } }`;
    const trace = await expectParity(
      gateway,
      sets,
      async (ids) => {
        const body = { action_ids: ids };
        const answer = await gateway.rest('POST', `/api/v1/actions/bulk-${verdict}`, { user: 101, body });
        const { results } = answer.body as { results: Record<string, unknown>[] };
        return results.map(({ action_id: id, error_code: code, status, detail, context }) =>
          code === undefined ? [id] : [id, code, status, detail, context],
        );
      },
      async (ids) => {
        const { body } = await gateway.graphql(query, { user: 101, variables: { ids } });
        const { results } = (body as { data: { bulk: { results: BulkItem[] } } }).data.bulk;
        return results.map(({ actionId, refusal }) => {
          if (refusal === null) return [Number(actionId)];
          const { code, status, detail, ...facts } = refusal;
          const told = Object.entries(facts).filter(([, fact]) => fact !== null);
          return [Number(actionId), code, status, detail, inRestWords(Object.fromEntries(told))];
        });
      },
    );
    const [low, medium] = [{ risk_level: 'low' }, { risk_level: 'medium' }];
    expect(trace.answer).toEqual([
      ['id 0', 'BULK_NOT_ALLOWED', 403, expect.any(String), low],
      ['id 1', 'REASON_REQUIRED', 422, expect.any(String), medium],
      ['id 2'],
    ]);
    expect(trace.entries.map(({ entry }) => entry)).toMatchObject([
      { action_id: 'id 2', refusal_code: null },
      { action_id: 'id 0', refusal_code: 'BULK_NOT_ALLOWED' },
      { action_id: 'id 1', refusal_code: 'REASON_REQUIRED' },
    ]);
  });
});

interface BulkItem {
  readonly actionId: string;
  readonly refusal: Readonly<Record<string, unknown>> | null;
}

function traceRefusedBulk(ask: () => Promise<Answer>): Promise<Trace> {
  return traceOf(gateway, [], async () => {
    // Otherwise the second of two equal refusals would leave no entry: one a minute is recorded.
    await gateway.database.sql('TRUNCATE refusal_throttle, refusal_windows');
    return comparable(outcomeOf(await ask()));
  });
}

/** The request with an existing key, where it has one. */
async function withKey<T extends RequestOptions>(request: T): Promise<T> {
  return request.apiKey === KEY ? { ...request, apiKey: await gateway.apiKey({ owner: 42 }) } : request;
}

/** A refusal without what belongs to its API: the HTTP status, and the place of a fault. */
function comparable({ http: _http, detail, faults, ...outcome }: Outcome): unknown {
  return { ...outcome, faults, detail: faults.length === 0 ? detail : null };
}
