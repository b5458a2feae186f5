import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startGateway, type Gateway } from './support/gateway';
import { hasProgram, pythonWith, run } from './support/programs';

/** Clients that are not ours: Python's standard library, `requests`, curl; and what the README prints for them. */
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

/** The test, or a line that says why there is none. */
function where(isThere: boolean, what: string): jest.It {
  if (isThere) return it;
  console.log(`skipped: there is no ${what} on this machine`);
  return it.skip;
}

const TRANSPORTS = [
  ['urllib', pythonWith()],
  ['requests', pythonWith('requests')],
] as const;

describe.each(TRANSPORTS)('a legacy client in Python, with %s', (transport, python) => {
  where(python !== null, `Python with ${transport}`)('does all that it always did', async () => {
    const [apiKey, auditKey] = [await gateway.apiKey({}), await gateway.apiKey({ scopes: ['audit:read'] })];
    const [pending, toApprove, toReject, first, second] = await gateway.addActions([62, 35, 35, 10, 100]);
    const given = {
      ...{ api_key: apiKey, audit_key: auditKey, token: gateway.token(42) },
      ...{ pending, to_approve: toApprove, to_reject: toReject, bulk: [first, second, first] },
    };
    const program = join(__dirname, 'python', 'legacy_client.py');
    const ran = await run(python ?? '', [program, transport, gateway.url], { input: JSON.stringify(given) });
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    const ok = (body: object) => ({ status: 200, body });
    expect(JSON.parse(ran.stdout)).toMatchObject({
      health: ok({ status: 'ok' }),
      deployment: ok({ service: 'countersign' }),
      'status before': ok({ action_id: toApprove, decision: 'pending' }),
      approve: ok({ action_id: toApprove, status: 'approved', approved_by: 42 }),
      'approve again': { status: 400, body: { error_code: 'INVALID_STATE' } },
      'status after': ok({ decision: 'allowed', decision_ready: true, reason: "Vu – d'accord ✓" }),
      reject: ok({ status: 'denied', rejected_by: 42 }),
      approval: ok({ status: 'denied', rejected_by: 42, rejection_reason: null }),
      bulk: ok({ requested: 2, succeeded: 1, failed: 1 }),
      details: ok({ id: pending, status: 'pending' }),
      list: ok([{ id: second }]),
      audit: ok({ page: 1, page_size: 1, logs: [{ outcome: 'refused' }] }),
      'key decides': { status: 401, body: { error_code: 'JWT_REQUIRED' } },
    });
  });
});

interface Example {
  readonly language: string;
  readonly text: string;
}

/** The README's code, in its order. */
const EXAMPLES: readonly Example[] = [
  ...readFileSync(join(__dirname, '..', 'README.md'), 'utf8').matchAll(/^```(\w+)\n(.*?)^```/gms),
].map(([, language = '', text = '']) => ({ language, text }));

/** Prints what `npm run --silent token` and `api-key` would: those are programs of their own, and tested as such. */
const NPM = `npm() { case "$3" in
  token) eval "printf '%s' \\"\\$TOKEN_\${6}\\"" ;;
  api-key) printf '%s' "$API_KEY" ;;
esac; }`;

describe('what the README prints', () => {
  const users = [1, 2, 3, 42, 4];
  let env: Record<string, string> = {};
  beforeAll(async () => {
    const scopes = ['actions:submit', 'actions:read', 'audit:read'];
    env = {
      TOKEN: gateway.token(42),
      ADMIN: gateway.token(1),
      API_KEY: await gateway.apiKey({ scopes }),
      KEY: await gateway.apiKey({ scopes }),
      BASE_URL: gateway.url,
      ...Object.fromEntries(users.map((user) => [`TOKEN_${String(user)}`, gateway.token(user)])),
    };
  });
  const here = (text: string) => text.replaceAll('http://127.0.0.1:4000', gateway.url);

  const curl = EXAMPLES.filter(
    ({ language, text }) => language === 'sh' && text.includes('curl ') && !text.includes('audit:verify'),
  );
  /** What an example is known by, and what its answer says. */
  const ANSWERS: readonly (readonly [RegExp, object])[] = [
    [/12345\/approve/, { action_id: 12345, status: 'approved', approved_by: 42 }],
    [/approveAction/, { data: { approveAction: { status: 'APPROVED', decidedBy: { name: 'Sue Senior' } } } }],
    [/"mode": "atomic"/, { error_code: 'BULK_REFUSED', requested: 3, succeeded: 0 }],
    [/bulk-approve/, { status: 'approved', requested: 3, succeeded: 1 }],
    [
      /audit-logs\?action_id=12345/,
      { logs: [{ refusal_code: 'INVALID_STATE' }, { action_type: 'action_approved', user_id: 42 }] },
    ],
    [/createApiKey/, { data: { createApiKey: { key: expect.stringMatching(/^csk_/) as unknown } } }],
    [/12349\/status/, { action_id: 12349, status: 'pending_approval', decision: 'pending' }],
  ];

  where(hasProgram('curl'), 'curl')('for curl does what it says', async () => {
    expect(curl.length).toBeGreaterThanOrEqual(ANSWERS.length);
    const seen = new Set<RegExp>();
    for (const { text } of curl) {
      const { code, stdout, stderr } = await run('bash', ['-c', `${NPM}\n${here(text)}`], { env });
      const [known, answer] = ANSWERS.find(([marker]) => marker.test(text)) ?? [null, {}];
      if (known !== null) seen.add(known);
      expect([text, code === 0 ? '' : stderr, JSON.parse(stdout)]).toMatchObject([text, '', answer]);
      if (known === null) expect(stdout).not.toMatch(/"error_code"|"errors"/);
    }
    expect(seen.size).toBe(ANSWERS.length);
  });

  const python = pythonWith('requests');
  where(python !== null, 'Python with requests')('for Python does what it says', async () => {
    const texts = EXAMPLES.filter(({ language }) => language === 'python').map(({ text }) => text);
    expect(texts.length).toBeGreaterThan(0);
    for (const text of texts) {
      const { code, stdout, stderr } = await run(python ?? '', ['-c', here(text)], { env });
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/^approved by 42 at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n/);
      expect(stdout).toMatch(
        /\nINVALID_STATE: Action is not pending approval \(current status: approved\)\n$/,
      );
    }
  });
});
