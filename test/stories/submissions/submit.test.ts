import { createHash } from 'node:crypto';
import type { BundleRecord } from '../../../src/audit/bundle';
import { decide, APIS } from '../../support/apis';
import { startGateway, type Gateway } from '../../support/gateway';
import { changePolicy } from '../../support/policies';
import { newPolicy } from '../../support/racing';
import { codeOf, faultsOf } from '../../support/refusals';
import { python, secondVerdict } from '../../support/second-verifier';
import { kindsOf, recordsAfter, recordsIn, verdictOn } from '../../support/sealed-log';
import {
  entriesOf,
  MINIMAL,
  SDK_BODY,
  sdkHeaders,
  storedAction,
  submit,
  submitThrough,
} from '../../support/submissions';
import { whileHeld } from '../../support/waiting';

/** What agents and people submit, its score, and the outcome (docs/rest-api.md#submit-an-action). */
let gateway: Gateway;
/** User 42's key. */
let key = '';

beforeAll(async () => {
  gateway = await startGateway();
  key = await gateway.apiKey({ owner: 42 });
});
afterAll(() => gateway.close());

const ANALYST = 4;
const RULES = [
  { riskIndicator: 'pii*', score: 88 },
  { actionType: 'delete*', targetSystem: 'prod*', score: 72.5 },
  { actionType: 'read', score: 8 },
  { toolName: 'sql', score: 45 },
];

describe("an agent with the vendor's SDK", () => {
  it('gets the keys that it reads, while the action waits for a reviewer', async () => {
    const answer = await submit(gateway, SDK_BODY, { headers: sdkHeaders(key, 'asc_first') });
    expect(answer.status).toBe(200);
    expect(Object.entries(answer.body)).toEqual([
      ['action_id', expect.any(Number)],
      ['status', 'pending_approval'],
      ['decision', 'pending'],
      ['risk_score', 95],
      ['risk_level', 'critical'],
      ['reason', expect.stringContaining('95')],
      ['correlation_id', expect.stringMatching(/^action_\d{8}_\d{6}_[0-9a-f]{16}$/)],
      ['risk_score_source', 'default'],
      ['policy_version', 1],
      ['submitted_at', expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)],
    ]);
    expect(answer.headers.get('x-correlation-id')).toBe('asc_first');
  });

  it("finds what it sent under its own names stored under the gateway's, unchanged", async () => {
    const { body } = await submit(gateway, SDK_BODY, { headers: sdkHeaders(key, 'asc_names') });
    expect(await storedAction(gateway, body.action_id)).toMatchObject({
      organization_id: 1,
      agent_id: 'agent-7',
      agent_name: 'Billing agent',
      action_type: 'database_write',
      description: null,
      tool_name: null,
      target_system: 'billing-db',
      target_resource: 'invoice-42',
      parameters: { amount: 12.5, rows: [1, 2], note: 'é' },
      context: { ticket: 'T-1' },
      risk_indicators: { pii: true },
      status: 'pending_approval',
      submitted_by: 42,
      submitted_by_api_key: expect.any(Number),
      expires_at: null,
      decided_by_kind: null,
      correlation_id: null,
    });
    const read = `{ action(id: ${String(body.action_id)}) { parameters context riskIndicators submittedBy { id } } }`;
    expect((await gateway.graphql(read, { user: ANALYST })).body.data.action).toEqual({
      parameters: { amount: 12.5, rows: [1, 2], note: 'é' },
      context: { ticket: 'T-1' },
      riskIndicators: { pii: true },
      submittedBy: { id: '42' },
    });
  });

  it('reads the same of the action while it waits, and then the decision', async () => {
    const headers = sdkHeaders(key, 'asc_wait');
    const { body } = await submit(gateway, SDK_BODY, { headers });
    const status = async () =>
      (await gateway.rest('GET', `/api/v1/actions/${String(body.action_id)}/status`, { headers })).body;
    expect(await status()).toMatchObject({ action_id: body.action_id, decision: 'pending', risk_score: 95 });
    await decide(gateway, 'rest', 'approve', body.action_id, { user: 1 });
    expect(await status()).toMatchObject({ status: 'approved', decision: 'allowed', decision_ready: true });
  });

  it('gets no decision from the owner of its key', async () => {
    const { body } = await submit(
      gateway,
      { ...SDK_BODY, risk_indicators: [] },
      { headers: sdkHeaders(key, 'asc_own') },
    );
    await gateway.database.sql('UPDATE actions SET risk_score = 20 WHERE id = $1', [body.action_id]);
    const refused = await decide(gateway, 'rest', 'approve', body.action_id, { user: 42 });
    expect(refused.code).toBe('SELF_APPROVAL_FORBIDDEN');
    expect((await decide(gateway, 'rest', 'approve', body.action_id, { user: 2 })).code).toBeNull();
  });
});

describe.each(APIS)('over %s', (api) => {
  const through = (body: Record<string, unknown>, request: { user?: number; apiKey?: string }) =>
    submitThrough(gateway, api, body, request);

  it.each([1, 2, 3, ANALYST])('user %s submits, whatever their role', async (user) => {
    const answer = await through({ ...MINIMAL, description: 'by hand', parameters: { n: 1.5 } }, { user });
    expect(answer).toMatchObject({ status: 'pending_approval', risk_score: 95, risk_level: 'critical' });
    expect(await storedAction(gateway, answer['action_id'])).toMatchObject({
      submitted_by: user,
      submitted_by_api_key: null,
      description: 'by hand',
      parameters: { n: 1.5 },
    });
  });

  it('no caller without a credential submits, nor a key without the scope, nor a deactivated person', async () => {
    const reader = await gateway.apiKey({ scopes: ['actions:read'] });
    const before = await count();
    expect((await through(MINIMAL, {}))['error_code']).toBe('MISSING_AUTH');
    expect((await through(MINIMAL, { apiKey: reader }))['error_code']).toBe('INSUFFICIENT_PERMISSIONS');
    if (api === 'rest') expect((await through(MINIMAL, { user: 6 }))['error_code']).toBe('INVALID_TOKEN');
    expect(await count()).toEqual(before);
  });

  it('no agent sets its own risk score, nor does a person; a key with the scope to score does', async () => {
    const engine = await gateway.apiKey({ scopes: ['actions:submit', 'actions:score'] });
    const scored = { ...MINIMAL, risk_score: 12.5 };
    const before = await count();
    for (const caller of [{ apiKey: key }, { user: 1 }])
      expect((await through(scored, caller))['error_code']).toBe('INSUFFICIENT_PERMISSIONS');
    expect(await count()).toEqual(before);
    const answer = await through(scored, { apiKey: engine });
    expect(answer).toMatchObject({ risk_score: 12.5, risk_level: 'low', status: 'pending_approval' });
    expect(String(answer['risk_score_source']).toLowerCase()).toBe('engine');
    expect(await through({ ...MINIMAL, risk_score: null }, { apiKey: key })).toMatchObject({
      risk_score: 95,
    });
  });

  it('an agent sees in the answer which rule gave the score, with its place', async () => {
    await changePolicy(gateway, { scoringRules: RULES });
    const cases = [
      [
        { risk_indicators: ['PII_export'], tool_name: 'sql' },
        88,
        { position: 1, risk_indicator: 'pii*', score: 88 },
      ],
      [
        { action_type: 'delete_rows', target_system: 'prod-eu' },
        72.5,
        { position: 2, action_type: 'delete*', target_system: 'prod*', score: 72.5 },
      ],
      [{ tool_name: 'SQL' }, 45, { position: 4, tool_name: 'sql', score: 45 }],
      [{ action_type: 'delete_rows' }, 95, null],
    ] as const;
    for (const [said, score, rule] of cases) {
      const answer = await through({ ...MINIMAL, ...said }, { apiKey: key });
      const matched = Object.entries(answer['matched_rule'] ?? {}).filter(([, value]) => value !== null);
      expect([answer['risk_score'], matched.length === 0 ? null : inOrder(matched)]).toEqual([score, rule]);
      const [entry] = await entriesOf(gateway, answer['action_id']);
      expect(entry?.['data'].scoring_rule).toBe(rule?.position ?? null);
    }
  });

  it('only what the policy approves is approved automatically, with an entry of its own beside the submission', async () => {
    await changePolicy(gateway, { scoringRules: RULES, autoApproveBelow: 40, quorum: { low: 3 } });
    const answer = await through({ ...MINIMAL, action_type: 'read' }, { apiKey: key });
    expect(answer).toMatchObject({ status: 'approved', risk_score: 8 });
    if (api === 'rest') expect(answer['decision']).toBe('allowed');
    const action = await storedAction(gateway, answer['action_id']);
    const correlation = answer['correlation_id'];
    expect(action).toMatchObject({
      status: 'approved',
      decided_by_kind: 'policy',
      decided_by: null,
      correlation_id: correlation,
    });
    const [submitted, approved, ...more] = await entriesOf(gateway, answer['action_id']);
    expect(more).toEqual([]);
    expect(submitted).toMatchObject({
      action_type: 'action_submitted',
      actor_kind: 'api_key',
      on_behalf_of: 42,
    });
    expect(approved).toMatchObject({
      action_type: 'action_approved',
      actor_kind: 'policy',
      actor_id: null,
      verdict: 'approve',
      risk_score: 8,
      policy_version: answer['policy_version'],
      reason: answer['reason'],
      correlation_id: correlation,
      timestamp: action['decided_at'],
    });
    const waits = await through({ ...MINIMAL, tool_name: 'sql' }, { apiKey: key });
    expect(waits).toMatchObject({ status: 'pending_approval', risk_score: 45 });
    expect((await entriesOf(gateway, waits['action_id'])).length).toBe(1);
    await changePolicy(gateway, { scoringRules: [], autoApproveBelow: 100, quorum: { low: 1 } });
    expect(await through(MINIMAL, { apiKey: key })).toMatchObject({
      status: 'pending_approval',
      risk_score: 95,
    });
    await changePolicy(gateway, { autoApproveBelow: null });
  });

  it('an answer takes three statements, whatever was submitted', async () => {
    gateway.database.statements.length = 0;
    await through({ ...MINIMAL, parameters: { big: 'x'.repeat(60_000) } }, { apiKey: key });
    expect(gateway.database.statements.map(({ name }) => name)).toEqual([
      'api_keys_by_prefix',
      'prepare_submission',
      'submit',
    ]);
  });
});

function inOrder(entries: readonly (readonly [string, unknown])[]) {
  return Object.fromEntries(entries) as unknown;
}

async function count() {
  const [row] = await gateway.database.sql(
    'SELECT (SELECT count(*) FROM actions) AS actions, (SELECT count(*) FROM audit_log) AS entries',
  );
  return row;
}

it('an auditor finds who submitted what, and that it was not altered since', async () => {
  const { body } = await submit(gateway, SDK_BODY, { headers: sdkHeaders(key, 'asc_audit') });
  const [entry] = await entriesOf(gateway, body.action_id);
  const text =
    '{"actionType":"database_write","agentId":"agent-7","agentName":"Billing agent","context":{"ticket":"T-1"},"description":null,' +
    '"parameters":{"amount":12.5,"note":"é","rows":[1,2]},"riskIndicators":{"pii":true},"targetResource":"invoice-42",' +
    '"targetSystem":"billing-db","toolName":null}';
  expect(entry).toMatchObject({
    action_type: 'action_submitted',
    actor_kind: 'api_key',
    on_behalf_of: 42,
    risk_score: 95,
    policy_version: body.policy_version,
    details: expect.stringMatching(/^Action \d+ submitted by API key \d+$/),
    correlation_id: body.correlation_id,
    client_correlation_id: 'asc_audit',
    user_agent: 'ascend-sdk/2.3.0 Python',
    data: {
      agent_id: 'agent-7',
      action_type: 'database_write',
      tool_name: null,
      target_system: 'billing-db',
      submission_sha256: createHash('sha256').update(text).digest('hex'),
      risk_score_source: 'default',
      scoring_rule: null,
    },
  });
});

it('an action expires as the policy said at its submission, whatever it says later', async () => {
  await changePolicy(gateway, { timeToLiveSeconds: { critical: 3600 } });
  const { body } = await submit(gateway, MINIMAL, { user: ANALYST });
  await changePolicy(gateway, { timeToLiveSeconds: { critical: 60 } });
  const { submitted_at: from, expires_at: to } = await storedAction(gateway, body.action_id);
  expect(to - from).toBe(3_600_000);
  expect(Date.parse(body.expires_at) - Date.parse(body.submitted_at)).toBe(3_600_000);
  await changePolicy(gateway, { timeToLiveSeconds: { critical: null } });
});

describe('an invalid submission is a 422 with every fault, under the names that were sent:', () => {
  it.each<[body: unknown, places: string[]]>([
    [{}, ['body.agent_id', 'body.action_type']],
    [[], ['body']],
    [{ ...MINIMAL, resource: 5, action_details: [] }, ['body.resource', 'body.action_details']],
    [{ ...MINIMAL, target_system: '\0', resource: 'x' }, ['body.target_system']],
    [{ ...MINIMAL, resource_id: '\ud800' }, ['body.resource_id']],
    [{ ...MINIMAL, parameters: { a: 'x'.repeat(65_536) } }, ['body.parameters']],
    [{ ...MINIMAL, context: { a: '\0' }, risk_indicators: 'pii' }, ['body.context', 'body.risk_indicators']],
    [{ agent_id: ' ', action_type: 'x'.repeat(201) }, ['body.agent_id', 'body.action_type']],
  ])('%#', async (body, places) => {
    const before = await count();
    const answer = await submit(gateway, body as object, { user: ANALYST });
    expect(codeOf(answer)).toBe('422 VALIDATION_ERROR');
    expect(faultsOf(answer).map(({ loc }) => loc.join('.'))).toEqual(places);
    expect(await count()).toEqual(before);
  });

  it('a number that would be stored as another one is refused, not rounded', async () => {
    const rawBody =
      '{"agent_id":"a","action_type":"t","parameters":{"account":12345678901234567890,"huge":1e999}}';
    const headers = { 'content-type': 'application/json' };
    const answer = await gateway.rest('POST', '/api/v1/actions/submit', { user: ANALYST, rawBody, headers });
    expect(faultsOf(answer).map(({ loc, type }) => [loc.join('.'), type])).toEqual([
      ['body.parameters', 'number'],
    ]);
  });

  it('an object that is nested too deeply is refused, over either API', async () => {
    const deep = '{"a":'.repeat(20_000) + '1' + '}'.repeat(20_000);
    const headers = { 'content-type': 'application/json' };
    const rawBody = `{"agent_id":"a","action_type":"t","parameters":${deep}}`;
    const rest = await gateway.rest('POST', '/api/v1/actions/submit', { user: ANALYST, rawBody, headers });
    expect(codeOf(rest)).toBe('422 VALIDATION_ERROR');
    const query =
      'mutation ($p: JSONObject) { submitAction(input: { agentId: \\"a\\", actionType: \\"t\\", parameters: $p }) { actionId } }';
    const asked = `{"query":"${query}","variables":{"p":${deep}}}`;
    const graphql = await gateway.rest('POST', '/graphql', { user: ANALYST, rawBody: asked, headers });
    expect(graphql.body.errors[0].extensions.code).toBe('VALIDATION_ERROR');
  });
});

describe('a submission is checked again where something changed before its write', () => {
  it('and scored and approved by the policy in force', async () => {
    const rules = [{ actionType: 'read', score: 10 }];
    await changePolicy(gateway, { scoringRules: [{ actionType: 'read', score: 30 }], autoApproveBelow: 20 });
    const change = newPolicy({ scoringRules: rules, autoApproveBelow: 20 });
    const [answer] = await whileHeld(gateway, change, [
      () => submit(gateway, { ...MINIMAL, action_type: 'read' }, { user: ANALYST }),
    ]);
    expect(answer?.body).toMatchObject({ status: 'approved', risk_score: 10, matched_rule: { score: 10 } });
    const [policy] = await gateway.database.sql<{ v: number }>(
      'SELECT policy_version AS v FROM organizations WHERE id = 1',
    );
    expect(answer?.body.policy_version).toBe(policy?.v);
    await changePolicy(gateway, { scoringRules: [], autoApproveBelow: null });
  });

  it.each([
    ['the person is deactivated', 3, () => Promise.resolve({ user: 3 }), 'INVALID_TOKEN'],
    [
      "the key's owner is deactivated",
      5,
      async () => ({ apiKey: await gateway.apiKey({ owner: 5 }) }),
      'INVALID_API_KEY',
    ],
  ] as const)('and is not stored where %s', async (_title, user, callerOf, code) => {
    const caller = await callerOf();
    const change = `UPDATE users SET active = false WHERE id = ${String(user)}`;
    const before = await count();
    const [answer] = await whileHeld(gateway, change, [() => submit(gateway, MINIMAL, caller)]);
    expect(codeOf(answer as never)).toBe(`401 ${code}`);
    expect(await count()).toEqual(before);
  });
});

it('an agent whose key is revoked while its submission waits submits nothing', async () => {
  const apiKey = await gateway.apiKey({});
  const gate = '(SELECT pg_advisory_xact_lock(20260120, hashint8(1))) AS gate';
  const change = `UPDATE api_keys SET revoked_at = now() FROM ${gate} WHERE id = (SELECT max(id) FROM api_keys)`;
  const before = await count();
  const [answer] = await whileHeld(gateway, change, [() => submit(gateway, MINIMAL, { apiKey })]);
  expect(codeOf(answer as never)).toBe('401 INVALID_API_KEY');
  expect(await count()).toEqual(before);
});

describe('an outsider with the verifier', () => {
  /** Nothing is wrong, and nothing of this log is sealed. */
  const UNSEALED = ['not sealed', 'not anchored'];

  it('finds submissions and automatic approvals in order', async () => {
    const admin = { user: 101 };
    await changePolicy(gateway, { scoringRules: RULES, autoApproveBelow: 40 }, admin);
    const scopes = ['actions:submit', 'actions:score'];
    const engine = { apiKey: await gateway.apiKey({ organization: 2, scopes }) };
    const answers = [
      await submit(gateway, { ...MINIMAL, action_type: 'read' }, admin),
      await submit(gateway, { ...MINIMAL, risk_score: 39.9 }, engine),
      await submit(gateway, MINIMAL, engine),
    ];
    expect(answers.map(({ body }) => body.decision)).toEqual(['allowed', 'allowed', 'pending']);
    await changePolicy(gateway, { scoringRules: [], autoApproveBelow: null }, admin);
    const records = await recordsIn(gateway.database.application, 2);
    expect(records.filter(({ type }) => type === 'unsealed').length).toBeGreaterThan(5);
    expect(await kindsFound(records)).toEqual([]);
  });

  it('finds a policy of a release with fewer settings in order: those had their defaults', async () => {
    const statements = [
      'ALTER TABLE audit_log DISABLE TRIGGER USER',
      `UPDATE audit_log SET data = data #- '{after,autoApproveBelow}' #- '{after,scoringRules}', canonical = convert_to(
         replace(convert_from(canonical, 'UTF8'), ',"autoApproveBelow":null,"scoringRules":[]', ''), 'UTF8')
       WHERE data @> '{"version":1,"before":null}'`,
      `UPDATE audit_log SET leaf_hash = sha256(decode('00', 'hex') || canonical)`,
    ];
    const records = await recordsAfter(gateway.database, statements, 2);
    expect(JSON.stringify(records.find((r) => r.type === 'unsealed'))).not.toContain('scoringRules');
    expect(await kindsFound(records)).toEqual([]);
    const unknown = ['autoApproveBelow', 'scoringRules'];
    const older = records.map((record) =>
      record.type === 'policy' && record.version === 1
        ? {
            ...record,
            rules: Object.fromEntries(
              Object.entries(record.rules).filter(([name]) => !unknown.includes(name)),
            ),
          }
        : record,
    );
    if (python !== null) expect(secondVerdict(linesOf(older))).toEqual(UNSEALED);
  });

  /** What the verifier finds, and the second one too, where it can run. */
  async function kindsFound(records: readonly BundleRecord[]): Promise<string[]> {
    const kinds = kindsOf(await verdictOn(records));
    if (python === null) console.warn('skipped the second verifier: there is no python3');
    else
      expect(secondVerdict(linesOf(records))).toEqual(
        kinds.length === 0 ? UNSEALED : expect.arrayContaining(kinds),
      );
    return kinds;
  }
  const linesOf = (records: readonly object[]) =>
    records.map((record) => `${JSON.stringify(record)}\n`).join('');

  /** An entry of an automatic approval, rewritten as an owner of the database and its hashes could. */
  const rewritten = (from: string, to: string, of = "actor_kind = 'policy'") => `
    ALTER TABLE audit_log DISABLE TRIGGER USER;
    UPDATE audit_log SET canonical = convert_to(replace(convert_from(canonical, 'UTF8'), '${from}', '${to}'), 'UTF8')
    WHERE ${of};
    UPDATE audit_log SET leaf_hash = sha256(decode('00', 'hex') || canonical)`;

  it.each([
    ['a score that the policy does not approve', '"risk_score":8,', '"risk_score":48,'],
    ['a rule that has another score', '"scoring_rule":3', '"scoring_rule":4'],
    ['a score that nobody gave', '"risk_score_source":"rule"', '"risk_score_source":"default"'],
    ['a policy that approves nothing', '"policy_version":', '"policy_version":1'],
    ['a denial by the policy', '"action_type":"action_approved"', '"action_type":"action_denied"'],
  ])('finds %s', async (_title, from, to) => {
    const records = await recordsAfter(gateway.database, rewritten(from, to).split(';'));
    expect(await kindsFound(records)).toContain('APPROVED_WITHOUT_POLICY');
  });

  it('finds an automatic approval of a submission with another score', async () => {
    const change = rewritten('"risk_score":8,', '"risk_score":9,', "action_type = 'action_submitted'");
    const records = await recordsAfter(gateway.database, change.split(';'));
    expect(await kindsFound(records)).toContain('APPROVED_WITHOUT_POLICY');
  });
});
