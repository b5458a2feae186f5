import { createHash } from 'node:crypto';
import { Client } from 'pg';
import { Database } from '../../../src/persistence/sql/database';
import { Provisioning } from '../../../src/persistence/install/provisioning.store';
import { asSuperuser, OPERATOR } from '../../support/database';
import { startGateway, type Gateway, type RequestOptions } from '../../support/gateway';

/**
 * What is hashed, byte for byte (docs/audit-format.md#an-entry): rebuilt here from the columns without the gateway's
 * code, after people did everything that leaves an entry, through one ordinary gateway and one whose sessions have
 * unusual settings.
 */
let gateway: Gateway;
let odd: Gateway;
let answers: ReadonlyMap<string, [number, number][]>;

const ODD_SETTINGS = {
  DateStyle: 'German, DMY',
  IntervalStyle: 'sql_standard',
  TimeZone: 'Asia/Kathmandu',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  standard_conforming_strings: 'off',
  escape_string_warning: 'off',
};

const REASONS = [
  'plain',
  '👩‍🚒 𝄞 é e\u0301 \u{10FFFF}',
  `"quoted" 'single' \\ \\\\ \\' \\" \\n \\u0041 / </script> $1 %s %I`,
  'tab\t line\n return\r bell\u0007 escape\u001b delete\u007f unit\u001f',
  'separators \u2028 \u2029 \ufeff \u00a0 \u200b',
  '{"v":1,"audit_id":1}',
];
const SCORES = [39.5, 0.1, 1e-7, 33.333333333333336, 5e-324, 0, 39.99999999999999];

beforeAll(async () => {
  gateway = await startGateway();
  const { directUrl } = gateway.database;
  await setForRole(directUrl, ODD_SETTINGS);
  const application = await new Database({
    url: directUrl,
    poolSize: 4,
    tls: false,
    preparedStatements: true,
  }).connect();
  odd = await startGateway({ database: { ...gateway.database, application } });
  answers = new Map([
    ['usual', await letPeopleAct(gateway)],
    ['odd', await letPeopleAct(odd)],
  ]);
});
afterAll(async () => {
  await odd.close();
  await odd.database.application.close();
  await gateway.close();
});

interface Entry {
  readonly organization_id: number;
  readonly id: number;
  readonly action_type: string;
  readonly timestamp: Date;
  readonly ip_address: string | null;
  readonly ip_salt: Buffer | null;
  readonly user_agent: string | null;
  readonly user_agent_salt: Buffer | null;
  readonly data: unknown;
  readonly canonical: Buffer;
  readonly leaf_hash: Buffer;
  readonly [column: string]: unknown;
}

function entries(where = 'true', ...values: unknown[]): Promise<Entry[]> {
  return gateway.database.sql<Entry>(`SELECT * FROM audit_log WHERE ${where} ORDER BY id`, values);
}

it('the sessions of the second gateway begin with unusual settings', async () => {
  const session = new Client({ connectionString: odd.database.directUrl });
  await session.connect();
  for (const [name, value] of Object.entries(ODD_SETTINGS)) {
    const { rows } = await session.query('SELECT current_setting($1) AS value', [name]);
    expect({ name, rows }).toEqual({ name, rows: [{ value }] });
  }
  await session.end();
});

it.each(['usual', 'odd'])('people get the documented answers through sessions with %s settings', (kind) => {
  const all = answers.get(kind) ?? [];
  expect(all.map(([, came]) => came)).toEqual(all.map(([expected]) => expected));
});

it('people and operators leave every kind of entry, through both gateways', async () => {
  const kinds = new Set((await entries()).map(({ action_type }) => action_type));
  expect([...kinds].sort()).toEqual([
    'action_approved',
    'action_denied',
    'api_key_created',
    'decision_refused',
    'policy_changed',
    'user_changed',
    'vote_recorded',
  ]);
  const reasons = await gateway.database.sql<{ reason: string; entries: number }>(
    `SELECT reason, count(*) AS entries FROM audit_log WHERE reason IS NOT NULL AND action_type <> 'decision_refused' GROUP BY 1`,
  );
  expect(new Map(reasons.map(({ reason, entries: count }) => [reason, count]))).toEqual(
    new Map(REASONS.map((reason) => [reason, 4])),
  );
});

it('an admin who changes the policy leaves a version with an entry, the first one’s too', async () => {
  const laidDown = (await entries()).filter(({ action_type }) => action_type === 'policy_changed');
  expect(laidDown.map(({ policy_version }) => policy_version)).toEqual(
    laidDown.map(({ data }) => (data as { version: number }).version),
  );
});

it('the bytes of every entry are the canonical JSON of its columns, and nothing else', async () => {
  const all = await entries();
  expect(all.length).toBeGreaterThan(50);
  for (const entry of all) expect(entry.canonical.toString('utf8')).toBe(rebuilt(entry));
  expect(all.filter(({ canonical }) => !canonical.equals(Buffer.from(canonical.toString('utf8'))))).toEqual(
    [],
  );
});

it('the leaf of every entry is SHA-256 over 0x00 and its bytes', async () => {
  for (const { canonical, leaf_hash } of await entries())
    expect(leaf_hash.toString('hex')).toBe(sha256(Buffer.from([0]), canonical));
});

it('every commitment has its own salt, and there is none without a value', async () => {
  const all = await entries();
  const salts = all.flatMap(({ ip_salt, user_agent_salt }) => [ip_salt, user_agent_salt]);
  const made = salts.filter((salt) => salt !== null);
  expect(made.length).toBeGreaterThan(60);
  expect(new Set(made.map((salt) => salt.toString('hex'))).size).toBe(made.length);
  expect(new Set(made.map(({ length }) => length))).toEqual(new Set([16]));
  for (const { ip_address, ip_salt, user_agent, user_agent_salt } of all) {
    expect(ip_salt === null).toBe(ip_address === null);
    expect(user_agent_salt === null).toBe(user_agent === null);
  }
});

it('every entry waits for the sealer exactly once', async () => {
  const [row] = await gateway.database.sql(
    `SELECT (SELECT count(*) FROM audit_log) = count(*) AS complete,
       bool_and(EXISTS (SELECT FROM audit_log l WHERE (l.organization_id, l.id) = (p.organization_id, p.audit_id))) AS real
     FROM audit_pending p`,
  );
  expect(row).toEqual({ complete: true, real: true });
});

it("an entry has the action's score to the last bit, whatever the session prints", async () => {
  const wrong = await gateway.database.sql(
    `SELECT l.id, l.risk_score AS told, a.risk_score AS is, l.user_agent FROM audit_log l
     JOIN actions a ON (a.organization_id, a.id) = (l.organization_id, l.action_id)
     WHERE l.action_type IN ('action_approved', 'action_denied') AND l.risk_score <> a.risk_score`,
  );
  expect(wrong).toEqual([]);
});

/** The one spelling of an entry. A `data` object keeps its order, which a jsonb column does not. */
function rebuilt(entry: Entry): string {
  const { data } = JSON.parse(entry.canonical.toString('utf8')) as { data: unknown };
  expect(data).toEqual(entry.data);
  return JSON.stringify({
    v: 1,
    audit_id: entry.id,
    organization_id: entry.organization_id,
    action_type: entry.action_type,
    timestamp: entry.timestamp.toISOString(),
    actor_kind: entry['actor_kind'],
    actor_id: entry['actor_id'],
    on_behalf_of: entry['on_behalf_of'],
    action_id: entry['action_id'],
    verdict: entry['verdict'],
    reason: entry['reason'],
    refusal_code: entry['refusal_code'],
    risk_score: entry['risk_score'],
    required_level: entry['required_level'],
    held_level: entry['held_level'],
    policy_version: entry['policy_version'],
    approvals_received: entry['approvals_received'],
    approvals_required: entry['approvals_required'],
    details: entry['details'],
    correlation_id: entry['correlation_id'],
    client_correlation_id: entry['client_correlation_id'],
    ip_commitment: entry.ip_salt && sha256(entry.ip_salt, Buffer.from(entry.ip_address ?? '')),
    user_agent_commitment:
      entry.user_agent_salt && sha256(entry.user_agent_salt, Buffer.from(entry.user_agent ?? '')),
    data,
  });
}

function sha256(...parts: readonly Buffer[]): string {
  return createHash('sha256').update(Buffer.concat(parts)).digest('hex');
}

/**
 * Decisions, votes, refusals of every kind and an API key's attempt, over both APIs; the expected and the actual
 * answers.
 */
async function letPeopleAct(through: Gateway): Promise<[number, number][]> {
  const statuses: [number, number][] = [];
  // Bytes above ASCII arrive as Latin-1, and must be stored as UTF-8.
  const headers = { 'user-agent': 'Ägent/1.0 "ü" \\', 'x-correlation-id': 'asc_1.2:3-4' };
  const post = async (status: number, path: string, options: RequestOptions): Promise<void> => {
    const answer = await through.rest('POST', `/api/v1/actions/${path}`, { headers, ...options });
    statuses.push([status, answer.status]);
  };
  const [high = 0, ...ids] = await through.addActions([84.5, ...SCORES, ...SCORES]);
  for (const [index, reason] of REASONS.entries()) {
    const [first = 0, second = 0] = [ids[index], ids[index + SCORES.length]];
    await post(200, `${String(first)}/approve`, { user: 42, body: { reason } });
    const mutation =
      'mutation ($id: ID!, $reason: String) { rejectAction(actionId: $id, reason: $reason) { status } }';
    await through.graphql(mutation, { user: 2, variables: { id: String(second), reason } });
  }
  const [first = 0, last = 0, spare = 0] = [ids[0], ids[SCORES.length - 1], ids[2 * SCORES.length - 1]];
  const approve = `${String(last)}/approve`;
  await post(403, approve, { user: 4, body: { reason: REASONS[1] } });
  await post(401, approve, { apiKey: await through.apiKey({ owner: 42 }), body: { reason: REASONS[2] } });
  await post(403, approve, { user: 5 });
  await post(403, '12353/approve', { user: 42, headers: {} });
  await post(200, 'bulk-reject', { user: 1, body: { action_ids: [spare, first] } });
  await post(200, approve, { user: 3 });

  await new Provisioning(through.database.owner, OPERATOR).addOrganization({
    name: `"${REASONS.join(' ')}"`,
    policy: { approvalLevels: true, managerMaxRiskScore: 33.333333333333336, quorum: { high: 2 } },
  });
  await setPolicy('{"approvalLevels":true,"quorum":{"high":2}}');
  await post(202, `${String(high)}/approve`, { user: 1 });
  await post(400, `${String(high)}/approve`, { user: 1 });
  await post(200, `${String(high)}/approve`, { user: 2 });
  return statuses;
}

/** Gives Acme another policy, in force at once. */
async function setPolicy(document: string): Promise<void> {
  await gateway.database.sql(
    `WITH added AS (INSERT INTO approval_policies (organization_id, version, document)
       SELECT id, policy_version + 1, $1 FROM organizations WHERE id = 1 RETURNING version)
     UPDATE organizations SET policy_version = version FROM added WHERE id = 1`,
    [document],
  );
}

/** Settings that every new session of this login to this database starts with. */
async function setForRole(url: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const { username, pathname } = new URL(url);
  for (const [name, value] of Object.entries(settings))
    await asSuperuser(`ALTER ROLE ${username} IN DATABASE ${pathname.slice(1)} SET ${name} = '${value}'`);
}
