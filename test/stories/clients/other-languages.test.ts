import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startGateway, type Gateway } from '../../support/gateway';
import { pythonWith, run } from '../../support/programs';

/**
 * Clients of other authors: Python's standard library and `requests`, and the code in docs/legacy-sdk.md for the
 * latter.
 */
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
    const program = join(__dirname, '..', '..', 'python', 'legacy_client.py');
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

/** The page's code, in its order. */
const EXAMPLES: readonly Example[] = [
  ...readFileSync(join(__dirname, '..', '..', '..', 'docs', 'legacy-sdk.md'), 'utf8').matchAll(
    /^```(\w+)\n(.*?)^```/gms,
  ),
].map(([, language = '', text = '']) => ({ language, text }));

describe('the code that the page on legacy clients prints', () => {
  const python = pythonWith('requests');
  where(python !== null, 'Python with requests')('for Python does what it says', async () => {
    const texts = EXAMPLES.filter(({ language }) => language === 'python').map(({ text }) => text);
    expect(texts.length).toBeGreaterThan(0);
    for (const text of texts) {
      const env = { TOKEN: gateway.token(42), PORT: new URL(gateway.url).port };
      const { code, stdout, stderr } = await run(python ?? '', ['-c', text], { env });
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/^approved by 42 at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n/);
      expect(stdout).toMatch(
        /\nINVALID_STATE: Action is not pending approval \(current status: approved\)\n$/,
      );
    }
  });
});
