import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { install, type Installation } from '../support/installation';
import {
  runCommand,
  runGateway,
  startProcess,
  type Finished,
  type RunningGateway,
} from '../support/processes';

/** The scripts of package.json, which tell the commands from the files they share. */
const scripts = readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8');

/** What an operator does with the commands (docs/operations.md#commands), as separate processes on one data folder. */
let installation: Installation;
let scratch: string;
let settings: { DATA_DIR: string; PORT: string };
let gateway: RunningGateway;
/** A key of user 42, created in the first test that needs one. */
let senior: string;

beforeAll(async () => {
  installation = await install();
  ({ scratch, settings, gateway } = installation);
});
afterAll(() => installation.remove());

const rows: Installation['rows'] = (text, values) => installation.rows(text, values);

function run(name: string, ...args: string[]): Promise<Finished> {
  return runCommand(name, args, settings);
}

/** The output of a command, which is its result and nothing else. */
async function printed(name: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(name, ...args);
  if (code !== 0) throw new Error(`${name} ended with ${String(code)}: ${stderr}`);
  expect(stdout).toMatch(/^\S+( \S+)?\n$/);
  return stdout.trim();
}

interface Called {
  readonly status: number;
  readonly connection: string | null;
  readonly body: any;
}

async function call(path: string, token: string, body?: unknown): Promise<Called> {
  const response = await fetch(gateway.url + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return {
    status: response.status,
    connection: response.headers.get('connection'),
    body: await response.json(),
  };
}

function approve(id: number, token: string) {
  return call(`/api/v1/actions/${String(id)}/approve`, token, {});
}

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

/** The contents of a folder, without PostgreSQL's own, with the permissions of each. */
function modesIn(folder: string, above = ''): [string, string][] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry): [string, string][] => {
    const path = join(folder, entry.name);
    const inside = entry.isDirectory() && entry.name !== 'postgres' ? modesIn(path, `${entry.name}/`) : [];
    return [[`${above}${entry.name}`, modeOf(path)], ...inside];
  });
}

const KEY_LINE = expect.stringMatching(/^csk_[\w-]{43}\n$/);
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const DEMO = `SELECT (SELECT count(*)::int FROM organizations WHERE name IN ('Acme', 'Globex')) AS organizations,
  (SELECT count(*)::int FROM users WHERE id <= 142) AS users,
  (SELECT count(*)::int FROM actions WHERE agent_id = 'demo-agent') AS actions`;

describe('an operator who starts the gateway in an empty folder', () => {
  it('watches it start, and reads the addresses in one line once it serves', async () => {
    const ready = gateway.lines.filter((line) => line.startsWith('ready:'));
    expect(ready).toEqual([expect.stringContaining(`${gateway.url}/graphql`)]);
    expect(ready[0]).toContain(`${gateway.url}/api/v1`);
    expect(gateway.lines.indexOf(ready[0] ?? '')).toBeGreaterThan(0);
    expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
  });

  it('finds the demo data in it', async () => {
    expect(await rows(DEMO)).toEqual([{ organizations: 2, users: 11, actions: 56 }]);
  });

  it('has keys, passwords and data that only the account that runs it can read', async () => {
    const archive = join(settings.DATA_DIR, 'audit-checkpoints');
    while (!existsSync(archive) || readdirSync(archive).length === 0) await pause(50);
    const modes = modesIn(settings.DATA_DIR);
    // PostgreSQL's own folder is closed to everybody else, whatever is in it.
    expect(Object.fromEntries(modes)).toMatchObject({
      'development-token-key.pem': '600',
      'audit-log-key.pem': '600',
      'embedded-postgres.json': '600',
      'postgres.log': '600',
      postgres: '700',
      'audit-checkpoints': '700',
    });
    expect(modes.filter(([, mode]) => mode !== '600' && mode !== '700')).toEqual([]);
    // As root, PostgreSQL runs as another account, which needs access.
    expect(modeOf(settings.DATA_DIR)).toBe(process.getuid?.() === 0 ? '711' : '700');
  });

  it('is told that a port is taken, and which setting to change', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const port = String((other.address() as AddressInfo).port);
    const { code, stdout, stderr } = await runGateway({ ...settings, PORT: port });
    other.close();
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^.* in use.*\n$/)]);
    expect(stderr).toContain(port);
    expect(stderr).toContain('PORT');
    expect(stdout).not.toContain('ready:');
    expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
  });
});

describe('an operator who asks for a token', () => {
  it('gets one for a user, with which that user decides', async () => {
    const made = [printed('token', '--user', '42'), printed('token', '--user', '6', '--ttl', '90s')];
    const [forSenior = '', forGone = ''] = await Promise.all(made);
    expect([forSenior, forGone]).toEqual([expect.stringMatching(JWT), expect.stringMatching(JWT)]);
    expect([lifetimeOf(forSenior), lifetimeOf(forGone)]).toEqual([3600, 90]);
    const { status, body } = await approve(12345, forSenior);
    expect([status, body.status, body.approved_by]).toEqual([200, 'approved', 42]);
    // A deactivated user's token can be made, to see that it does not count.
    expect(await approve(12348, forGone)).toMatchObject({
      status: 401,
      body: { error_code: 'INVALID_TOKEN' },
    });
    senior = forSenior;
  });

  it('is told how, or that there is no such user', async () => {
    const [unsaid, unknown] = await Promise.all([run('token'), run('token', '--user', '999')]);
    expect([unsaid.code, unsaid.stdout, unknown.code, unknown.stdout]).toEqual([2, '', 1, '']);
    expect(unsaid.stderr).toContain('usage: npm run --silent token -- --user');
    expect(unknown.stderr).toMatch(/no user 999\n$/);
  });
});

it('an operator who asks any command for help reads how it is called, and nothing is opened', async () => {
  const untouched = join(scratch, 'untouched-by-help');
  const commands = readdirSync(join(__dirname, '..', '..', 'src', 'cli')).map((file) =>
    file.replace('.ts', ''),
  );
  const called = commands.filter((name) => scripts.includes(`src/cli/${name}.ts`) && name !== 'schema');
  expect(called).toHaveLength(10);
  for (const name of called) {
    const { code, stdout, stderr } = await runCommand(name, ['--help'], { DATA_DIR: untouched });
    expect([name, code, stderr]).toEqual([name, 0, '']);
    expect(stdout).toMatch(/^usage: /);
  }
  const start = await runGateway({ DATA_DIR: untouched }, ['--help']);
  expect([start.code, start.stdout.startsWith('usage: npm start'), start.stderr]).toEqual([0, true, '']);
  expect(existsSync(untouched)).toBe(false);
});

it('an operator reads which PostgreSQL a command joined only when looking for a fault', async () => {
  const quiet = await run('provision', 'users', '--organization', '1');
  const loud = await runCommand('token', ['--user', '42'], { ...settings, LOG_LEVEL: 'debug' });
  expect([quiet.code, quiet.stderr]).toEqual([0, '']);
  expect(loud.stderr).toMatch(/^joined the running PostgreSQL on port \d+\n$/);
});

it('an operator who calls a command wrongly is told so before anything is opened', async () => {
  const untouched = join(scratch, 'untouched');
  const wrong = await runCommand('token', ['--user', 'nobody'], { DATA_DIR: untouched });
  expect([wrong.code, wrong.stdout, existsSync(untouched)]).toEqual([2, '', false]);
});

describe('an operator who asks for an API key', () => {
  it('gets one that reads, owned by the first admin, or by whom they name', async () => {
    const [plain, narrow] = await Promise.all([
      printed('api-key', '--organization', '1', '--name', 'plain'),
      printed(
        'api-key',
        '--organization',
        '1',
        '--name',
        'narrow',
        '--owner',
        '42',
        '--scopes',
        'actions:submit',
      ),
    ]);
    expect([plain, narrow]).toEqual(Array(2).fill(expect.stringMatching(/^csk_[\w-]{43}$/)));
    expect(await call('/api/v1/actions/12346', plain)).toMatchObject({
      status: 200,
      body: { action_id: 12346 },
    });
    const refused = { status: 403, body: { error_code: 'INSUFFICIENT_PERMISSIONS' } };
    expect(await call('/api/v1/actions/12346', narrow)).toMatchObject(refused);
    expect(await approve(12346, plain)).toMatchObject({ status: 401, body: { error_code: 'JWT_REQUIRED' } });
    expect(await rows('SELECT name, owner_id::int, scopes FROM api_keys ORDER BY name')).toEqual([
      { name: 'narrow', owner_id: 42, scopes: ['actions:submit'] },
      { name: 'plain', owner_id: 1, scopes: ['actions:submit', 'actions:read'] },
    ]);
    const audited = `SELECT action_type FROM audit_log WHERE organization_id = 1 AND action_type = 'api_key_created'`;
    expect(await rows(audited)).toHaveLength(2);
  });

  it('lists them without the keys, and revokes one for good, which the running gateway knows at once', async () => {
    const ofGlobex = ['--organization', '2'];
    const key = await printed(
      'api-key',
      ...ofGlobex,
      '--name',
      'old',
      '--expires',
      '90d',
      '--scopes',
      'audit:read',
    );
    const list = async () => {
      const { stdout } = await run('api-key', 'list', ...ofGlobex);
      const [head = '', ...lines] = stdout.trimEnd().split('\n');
      expect(head).toBe('id\tprefix\tname\towner\tscopes\tcreated\texpires\trevoked\tlast used');
      expect(stdout).not.toContain(key);
      return lines.map((line) => line.split('\t'));
    };
    const [[id = '', prefix, ...rest] = [], ...others] = await list();
    expect(others).toEqual([]);
    expect([prefix, ...rest.slice(0, 3)]).toEqual([key.slice(0, 12), 'old', '101', 'audit:read']);
    const [created = '', expires = '', ...never] = rest.slice(3);
    expect(Date.parse(expires) - Date.parse(created)).toBeGreaterThan(89 * 86_400_000);
    expect(never).toEqual(['-', '-']);
    const [elsewhere, wrong] = await Promise.all([
      run('api-key', 'revoke', '--organization', '1', '--id', id),
      run('api-key', 'forget', ...ofGlobex, '--id', id),
    ]);
    expect([elsewhere.code, wrong.code]).toEqual([1, 2]);
    expect(elsewhere.stderr).toMatch(/no API key \d+\n$/);
    const refused = (code: string) => ({ status: 401, body: { error_code: code } });
    expect(await call('/api/v1/actions/22345', key)).toMatchObject({ status: 403 });
    expect(await run('api-key', 'revoke', ...ofGlobex, '--id', id)).toMatchObject({ code: 0, stdout: '' });
    expect(await call('/api/v1/actions/22345', key)).toMatchObject(refused('REVOKED_API_KEY'));
    expect((await list())[0]?.[7]).toMatch(/^\d{4}-/);
    const entries = `SELECT action_type, actor_kind FROM audit_log WHERE data ->> 'api_key_id' = $1 ORDER BY id`;
    expect(await rows(entries, [id])).toEqual([
      { action_type: 'api_key_created', actor_kind: 'system' },
      { action_type: 'api_key_revoked', actor_kind: 'system' },
    ]);
  });

  it('is told at which times a key can expire', async () => {
    const ask = ['--organization', '1', '--name', 'refused', '--expires'];
    const answers = await Promise.all(['2020-01-01', 'soon'].map((moment) => run('api-key', ...ask, moment)));
    for (const { code, stdout, stderr } of answers)
      expect([code, stdout, stderr]).toEqual([
        2,
        '',
        expect.stringContaining('--expires has to be a time in the future'),
      ]);
  });

  it('is told who owns it and how to name another owner, beside the key alone on standard output', async () => {
    const ask = ['--organization', '1', '--name', 'told'];
    const [first, chosen] = await Promise.all([
      run('api-key', ...ask),
      run('api-key', ...ask, '--owner', '42'),
    ]);
    const hint = (owner: string) =>
      `owned by user ${owner}, who cannot decide what it submits; --owner names another user\n`;
    expect([first.code, first.stdout, first.stderr]).toEqual([0, KEY_LINE, hint('1 (Ada Admin)')]);
    expect([chosen.code, chosen.stdout, chosen.stderr]).toEqual([0, KEY_LINE, hint('42 (Sue Senior)')]);
  });

  it('is refused an unknown scope and an owner of another organization', async () => {
    const ask = ['--organization', '1', '--name', 'refused'];
    const [scope, owner] = await Promise.all([
      run('api-key', ...ask, '--scopes', 'actions:read,actions:delete'),
      run('api-key', ...ask, '--owner', '101'),
    ]);
    expect([scope.code, owner.code, scope.stdout, owner.stdout]).toEqual([2, 1, '', '']);
    expect(scope.stderr).toContain('actions:delete');
    expect(owner.stderr).toContain('101');
    expect(await rows("SELECT 1 FROM api_keys WHERE name = 'refused'")).toEqual([]);
  });
});

describe('an operator who seeds actions', () => {
  it('leaves fresh statistics of the filled tables, so that lists are planned for them', async () => {
    const [before] = await rows('SELECT clock_timestamp() AS at');
    await printed('seed', '--actions', '40', '--organization', '2');
    // Not those of autovacuum, which runs when it likes.
    const analyzed = `SELECT relname, last_analyze > $1 AS since FROM pg_stat_user_tables
      WHERE relname IN ('actions', 'action_texts') ORDER BY relname`;
    expect(await rows(analyzed, [before?.['at']])).toEqual([
      { relname: 'action_texts', since: true },
      { relname: 'actions', since: true },
    ]);
  });

  it('reads the first and the last id of the new pending actions', async () => {
    const [ours, theirs] = await Promise.all([
      printed('seed', '--actions', '25'),
      printed('seed', '--actions', '3', '--organization', '2'),
    ]);
    for (const [ids, organization, count] of [
      [ours, 1, 25],
      [theirs, 2, 3],
    ] as const) {
      const found = `SELECT count(*)::int FROM actions WHERE status = 'pending_approval' AND organization_id = $1 AND id BETWEEN $2 AND $3`;
      expect(await rows(found, [organization, ...ids.split(' ')])).toEqual([{ count }]);
    }
  });
});

describe('an operator who provisions', () => {
  it('creates an organization and its people, whose tokens count, and finds that in the audit log', async () => {
    const organization = await printed('provision', 'organization', '--name', 'Initech');
    const user = (name: string, role: string, ...more: string[]) => [
      ...['user', '--organization', organization, '--name', name, '--role', role],
      ...['--issuer', 'https://login.example.com/', '--subject', name, ...more],
    ];
    const [admin, manager] = await Promise.all([
      printed('provision', ...user('Bill', 'admin')),
      printed('provision', ...user('Milton', 'manager', '--level', '2', '--max-risk', '69', '--inactive')),
    ]);
    const [again, token] = await Promise.all([
      run('provision', ...user('Milton', 'user')),
      printed('token', '--user', admin),
    ]);
    expect([again.code, again.stdout]).toEqual([1, '']);
    expect(again.stderr).toMatch(/Milton.*already/);
    const people = `SELECT id::text, role, approval_level, max_risk_score, active FROM users WHERE organization_id = $1`;
    expect(await rows(`${people} ORDER BY name`, [organization])).toEqual([
      { id: admin, role: 'admin', approval_level: null, max_risk_score: null, active: true },
      { id: manager, role: 'manager', approval_level: 2, max_risk_score: 69, active: false },
    ]);
    const query = '{ viewer { id name role } auditLogs { edges { node { actionType } } } }';
    const { data } = (await call('/graphql', token, { query })).body;
    expect(data.viewer).toEqual({ id: admin, name: 'Bill', role: 'ADMIN' });
    const types = data.auditLogs.edges.map(({ node }: { node: { actionType: string } }) => node.actionType);
    expect(types).toEqual(['user_changed', 'user_changed', 'policy_changed']);
  });

  it('is warned of an issuer that no setting names, and not of a configured one', async () => {
    const user = (issuer: string) => [
      ...['user', '--organization', '2', '--name', 'Ida', '--role', 'user', '--issuer', issuer],
      ...['--subject', 'ida'],
    ];
    const configured = {
      ...settings,
      TOKEN_ISSUER: 'https://sso.example.com/',
      TOKEN_JWKS_URL: 'https://sso.example.com/keys',
    };
    const [typo, known] = [
      await runCommand('provision', user('https://sso.example.com'), configured),
      await runCommand('provision', user('https://sso.example.com/'), configured),
    ];
    expect([typo.code, known.code, known.stderr]).toEqual([0, 0, '']);
    expect(typo.stderr).toBe(
      'warning: no setting names the issuer https://sso.example.com, so its tokens are refused; ' +
        'configured: https://sso.example.com/, urn:countersign:development\n',
    );
  });

  it('lists the people of an organization with their log-ins', async () => {
    const { stdout } = await run('provision', 'users', '--organization', '1');
    const [head, ...lines] = stdout.trimEnd().split('\n');
    expect(head).toBe('id\tname\trole\tlevel\tmax risk\tactive\tissuer\tsubject');
    expect(lines).toContain('5\tLea Limited\tmanager\t-\t30\tyes\t-\t-');
    expect(lines).toContain('6\tGus Gone\tmanager\t-\t-\tno\turn:countersign:development\tuser-6');
    const unknown = await run('provision', 'users', '--organization', '99');
    expect([unknown.code, unknown.stdout]).toEqual([1, '']);
  });

  it('moves a log-in, so that the old one no longer counts, and finds that in the audit log', async () => {
    const token = await printed('token', '--user', '3');
    const viewer = async () => (await call('/graphql', token, { query: '{ viewer { id } }' })).status;
    expect(await viewer()).toBe(200);
    const to = ['--issuer', 'https://sso.example.com', '--subject', 'max'];
    const moved = await run('provision', 'relink', '--user', '3', ...to);
    expect([moved.code, moved.stdout]).toEqual([0, '']);
    expect(moved.stderr).toContain('no longer accepted: subject user-3 of urn:countersign:development');
    expect(await viewer()).toBe(401);
    const linked = 'SELECT issuer, subject FROM user_identities WHERE user_id = 3';
    expect(await rows(linked)).toEqual([{ issuer: 'https://sso.example.com', subject: 'max' }]);
    expect(
      await rows(
        `SELECT actor_kind, details FROM audit_log WHERE action_type = 'user_changed' ORDER BY id DESC LIMIT 1`,
      ),
    ).toEqual([
      {
        actor_kind: 'system',
        details:
          'User 3 logs in as subject max of https://sso.example.com, no longer as subject user-3 of urn:countersign:development',
      },
    ]);
    const wrong = await Promise.all([
      run('provision', 'relink', '--user', '2', ...to),
      run('provision', 'relink', '--user', '999', '--issuer', 'i', '--subject', 's'),
      run(
        'provision',
        'relink',
        '--user',
        '3',
        '--issuer',
        'i',
        '--subject',
        's',
        '--from-issuer',
        'j',
        '--from-subject',
        't',
      ),
      run('provision', 'relink', '--user', '3', '--issuer', 'i'),
    ]);
    expect(wrong.map(({ code }) => code)).toEqual([1, 1, 1, 2]);
    expect(wrong[0].stderr).toContain('already belongs to a user');
    expect(await rows(linked)).toHaveLength(1);
    // For a person with two log-ins, the operator says which of them moves.
    await printed('token', '--user', '3');
    const unsaid = await run('provision', 'relink', '--user', '3', '--issuer', 'i', '--subject', 's');
    expect([unsaid.code, unsaid.stderr]).toEqual([1, expect.stringContaining('several log-ins')]);
    const back = [
      '--issuer',
      'i',
      '--subject',
      's',
      '--from-issuer',
      'https://sso.example.com',
      '--from-subject',
      'max',
    ];
    expect((await run('provision', 'relink', '--user', '3', ...back)).code).toBe(0);
    expect(await rows(`${linked} ORDER BY issuer`)).toEqual([
      { issuer: 'i', subject: 's' },
      { issuer: 'urn:countersign:development', subject: 'user-3' },
    ]);
  });

  it('is told what is missing or wrong', async () => {
    const whole = ['user', '--name', 'Ada', '--issuer', 'i', '--subject', 's'];
    const [role, organization] = await Promise.all([
      run('provision', ...whole, '--organization', '1', '--role', 'emperor'),
      run('provision', ...whole, '--organization', '99', '--role', 'manager'),
    ]);
    expect([role.code, role.stdout, organization.code, organization.stdout]).toEqual([2, '', 1, '']);
    expect(role.stderr).toMatch(/--role.*\nusage: npm run --silent provision/);
    expect(organization.stderr).toMatch(/no organization 99\n$/);
  });
});

it('an operator who distributes organizations reads the plan, and is told where the database cannot do it', async () => {
  const plan = await run('distribute');
  expect([plan.code, plan.stderr]).toEqual([0, '']);
  expect(plan.stdout).toContain("SELECT create_distributed_table('organizations', 'id');");
  const { code, stdout, stderr } = await run('distribute', '--apply');
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain('no extension citus');
});

it('an operator is refused invisible names of organizations, people, log-ins and keys, and nothing is stored', async () => {
  const stored = `SELECT (SELECT count(*) FROM organizations) AS organizations, (SELECT count(*) FROM users) AS users,
    (SELECT count(*) FROM user_identities) AS identities, (SELECT count(*) FROM api_keys) AS keys,
    (SELECT count(*) FROM audit_log WHERE action_type IN ('policy_changed', 'user_changed', 'api_key_created')) AS entries`;
  const before = await rows(stored);
  const user = (given: Readonly<Record<string, string>>) =>
    Object.entries({
      organization: '1',
      name: 'Ada',
      role: 'user',
      issuer: 'i',
      subject: 's',
      ...given,
    }).flatMap(([name, value]) => [`--${name}`, value]);
  const relinked = ['relink', '--user', '3', '--issuer', 'i'];
  for (const [option, command, args] of [
    ['name', 'provision', ['organization', '--name', '\u200b']],
    ['name', 'provision', ['user', ...user({ name: '\u3164' })]],
    ['issuer', 'provision', ['user', ...user({ issuer: ' \u00ad' })]],
    ['subject', 'provision', ['user', ...user({ subject: '\u2800' })]],
    ['subject', 'provision', [...relinked, '--subject', '\u115f']],
    ['name', 'api-key', ['--organization', '1', '--name', '\ufe0f \t']],
  ] as const) {
    const { code, stdout, stderr } = await run(command, ...args);
    expect([code, stdout, stderr.split('\n')[0]]).toEqual([2, '', `--${option} must not be blank`]);
  }
  expect(await rows(stored)).toEqual(before);
});

describe('an operator who stops the gateway and starts it again', () => {
  it('has the request under way answered, and no PostgreSQL left behind', async () => {
    const { status, body, connection } = await installation.inDatabase(async (client) => {
      await client.query('BEGIN');
      await client.query('SELECT 1 FROM actions WHERE id = 12346 FOR UPDATE');
      const answer = approve(12346, senior);
      while ((await client.query('SELECT 1 FROM pg_locks WHERE NOT granted')).rows.length === 0)
        await pause(10);
      gateway.signal('SIGTERM');
      await gateway.printed('stopping');
      await client.query('COMMIT');
      return answer;
    });
    expect([status, body.status, body.approved_by]).toEqual([200, 'approved', 42]);
    expect((await gateway.finished).code).toBe(0);
    expect(existsSync(join(settings.DATA_DIR, 'postgres', 'PG_VERSION'))).toBe(true);
    expect(existsSync(join(settings.DATA_DIR, 'postgres', 'postmaster.pid'))).toBe(false);
    // A client whose connection stayed open would delay the stop until it is cut.
    expect(connection).toBe('close');
  });

  it('gets a token meanwhile, and then finds everything unchanged', async () => {
    const token = await printed('token', '--user', '42');
    expect(existsSync(join(settings.DATA_DIR, 'postgres', 'postmaster.pid'))).toBe(false);

    gateway = await startProcess(settings);
    expect(gateway.lines.join('\n')).not.toContain('demo data');
    expect(await rows(DEMO)).toEqual([{ organizations: 2, users: 11, actions: 56 }]);
    expect(await approve(12345, senior)).toMatchObject({
      status: 400,
      body: { error_code: 'INVALID_STATE' },
    });
    expect((await approve(12347, token)).status).toBe(200);

    gateway.signal('SIGINT');
    expect((await gateway.finished).code).toBe(0);
    expect(existsSync(join(settings.DATA_DIR, 'postgres', 'postmaster.pid'))).toBe(false);
  });
});

function lifetimeOf(token: string): number {
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<
    string,
    number
  >;
  return (claims['exp'] ?? 0) - (claims['iat'] ?? 0);
}
