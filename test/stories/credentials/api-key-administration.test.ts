import { outcomeOf } from '../../support/apis';
import { startGateway, type Gateway, type RequestOptions } from '../../support/gateway';
import { ApiKeyUses } from '../../../src/persistence/people/api-key-uses';

/** An admin creates, lists and revokes API keys; every gateway knows at once, and the audit log for ever. */
const ADMIN = 1;
const GLOBEX_ADMIN = 101;
const DAY = 86_400_000;
let gateway: Gateway;
/** Another gateway on the same database, whose clock is ahead where a test says so. */
let other: Gateway;
let ahead = 0;

beforeAll(async () => {
  gateway = await startGateway();
  const clock = () => new Date(Date.now() + ahead);
  other = await startGateway({ database: gateway.database, clock });
});
afterEach(() => (ahead = 0));
afterAll(async () => {
  await other.close();
  await gateway.close();
});

const KEY = 'id name prefix scopes owner { id } createdAt expiresAt revokedAt lastUsedAt';

function create(args: Record<string, unknown>, caller: RequestOptions = { user: ADMIN }) {
  const query = `mutation ($name: String!, $scopes: [String!], $ownerId: ID, $expiresAt: DateTime) {
    createApiKey(name: $name, scopes: $scopes, ownerId: $ownerId, expiresAt: $expiresAt) { key apiKey { ${KEY} } } }`;
  return gateway.graphql(query, { ...caller, variables: { name: 'a key', ...args } });
}

/** A new key of Acme, as its holder gets it, and its id. */
async function made(args: Record<string, unknown> = {}): Promise<{ key: string; id: string }> {
  const { body } = await create(args);
  if (body.errors !== undefined) throw new Error(JSON.stringify(body.errors));
  const { key, apiKey } = body.data.createApiKey;
  return { key, id: apiKey.id };
}

function revoke(id: unknown, caller: RequestOptions = { user: ADMIN }, reason?: unknown) {
  const query = `mutation ($id: ID!, $reason: String) { revokeApiKey(id: $id, reason: $reason) { ${KEY} } }`;
  return gateway.graphql(query, { ...caller, variables: { id, reason } });
}

async function list(args = '', user = ADMIN): Promise<any> {
  const { body } = await gateway.graphql(
    `{ apiKeys${args} { totalCount edges { cursor node { ${KEY} } } pageInfo { hasNextPage endCursor } } }`,
    { user },
  );
  if (body.errors !== undefined) throw new Error(JSON.stringify(body.errors));
  return body.data.apiKeys;
}

/** What a program gets that reads an action with a key, over both APIs of both gateways. */
async function readsWith(apiKey: string): Promise<(string | null)[]> {
  const answers = await Promise.all(
    [gateway, other].flatMap((through) => [
      through.rest('GET', '/api/v1/actions/12345', { apiKey }),
      through.graphql('{ action(id: 12345) { id } }', { headers: { authorization: `Bearer ${apiKey}` } }),
    ]),
  );
  return answers.map((answer) => outcomeOf(answer).code);
}
const everywhere = (code: string | null) => [code, code, code, code];

const entriesOf = (id: string) =>
  gateway.database.sql(
    `SELECT action_type, actor_kind, actor_id, details, reason, data, user_agent,
       EXISTS (SELECT FROM audit_pending WHERE audit_id = l.id) AS is_queued
     FROM audit_log l WHERE data ->> 'api_key_id' = $1 ORDER BY id`,
    [id],
  );

async function written(): Promise<unknown> {
  const [row] = await gateway.database.sql(
    `SELECT (SELECT count(*) FROM api_keys) AS keys, (SELECT count(*) FROM audit_log) AS entries,
       (SELECT count(*) FROM api_keys WHERE revoked_at IS NOT NULL) AS revoked`,
  );
  return row;
}

describe('an admin who creates an API key', () => {
  it('sees it once and owns it, and it works in every gateway from then on', async () => {
    const { body } = await create({ name: ' my agent ' });
    const { key, apiKey } = body.data.createApiKey;
    expect(key).toMatch(/^csk_[\w-]{43}$/);
    expect(apiKey).toMatchObject({
      name: 'my agent',
      prefix: key.slice(0, 12),
      scopes: ['actions:submit', 'actions:read'],
      owner: { id: '1' },
      expiresAt: null,
      revokedAt: null,
      lastUsedAt: null,
    });
    expect(Math.abs(Date.parse(apiKey.createdAt) - Date.now())).toBeLessThan(60_000);
    expect(await readsWith(key)).toEqual(everywhere(null));
    const [stored] = await gateway.database.sql(
      `SELECT to_jsonb(k)::text LIKE '%' || $2 || '%' AS holds_it, key_hash = sha256($2::text::bytea) AS is_hashed
       FROM api_keys k WHERE id = $1`,
      [apiKey.id, key],
    );
    expect(stored).toEqual({ holds_it: false, is_hashed: true });
  });

  it('finds in the audit log who created it, for whom, and its scopes, and never the key', async () => {
    const expiresAt = new Date(Date.now() + DAY).toISOString();
    const scopes = ['audit:read', 'actions:score', 'audit:read'];
    const caller = { user: ADMIN, headers: { 'user-agent': 'admin/1' } };
    const { body } = await create({ name: 'scorer', ownerId: '42', scopes, expiresAt }, caller);
    const { key, apiKey } = body.data.createApiKey;
    const granted = ['actions:score', 'audit:read'];
    expect(apiKey).toMatchObject({ owner: { id: '42' }, scopes: granted, expiresAt });
    const entries = await entriesOf(apiKey.id);
    expect(entries).toEqual([
      {
        action_type: 'api_key_created',
        actor_kind: 'user',
        actor_id: ADMIN,
        details: `API key ${String(apiKey.id)} (scorer) created for user 42`,
        reason: null,
        user_agent: 'admin/1',
        is_queued: true,
        data: {
          api_key_id: Number(apiKey.id),
          name: 'scorer',
          prefix: apiKey.prefix,
          owner_id: 42,
          scopes: granted,
          expires_at: expiresAt,
        },
      },
    ]);
    expect(JSON.stringify(entries)).not.toContain(key);
  });

  it('with a lifetime has a key that is expired after it', async () => {
    const { key } = await made({ expiresAt: new Date(Date.now() + DAY).toISOString() });
    expect(await readsWith(key)).toEqual(everywhere(null));
    ahead = DAY + 1000;
    const late = await other.rest('GET', '/api/v1/actions/12345', { apiKey: key });
    expect([late.status, late.body.error_code]).toEqual([401, 'EXPIRED_API_KEY']);
    expect(late.headers.get('www-authenticate')).toMatch(/^Bearer /);
  });

  it('cannot have the key without its entry, nor the entry without the key', async () => {
    await gateway.database.sql(
      `ALTER TABLE audit_log ADD CONSTRAINT no_entry CHECK (action_type <> 'api_key_created') NOT VALID`,
    );
    const before = await written();
    const { body } = await create({});
    await gateway.database.sql('ALTER TABLE audit_log DROP CONSTRAINT no_entry');
    expect(body.errors).toMatchObject([{ extensions: { code: 'INTERNAL_ERROR' } }]);
    expect(await written()).toEqual(before);
  });

  const past = new Date(Date.now() - 1000).toISOString();
  it.each<[string, Record<string, unknown>, string[]]>([
    ['no name', { name: '  ' }, ['name']],
    ['too long a name', { name: 'x'.repeat(101) }, ['name']],
    ['a name of two lines', { name: 'a\nb' }, ['name']],
    ['a name that cannot be stored', { name: 'a\0b' }, ['name']],
    ['no scope', { scopes: [] }, ['scopes']],
    ['an unknown scope', { scopes: ['actions:read', 'actions:approve'] }, ['scopes']],
    ['an expiry that is over', { expiresAt: past }, ['expiresAt']],
    ['an owner whose id is none', { ownerId: '0' }, ['ownerId']],
    ['a deactivated owner', { ownerId: '6' }, ['ownerId']],
    [
      'nothing right',
      { name: '', scopes: ['x'], expiresAt: past, ownerId: 'x' },
      ['name', 'scopes', 'expiresAt', 'ownerId'],
    ],
  ])('with %s is told every fault, and nothing is written', async (_what, args, places) => {
    const before = await written();
    const { body } = await create(args);
    expect(body.data).toBeNull();
    const { code, errors } = body.errors[0].extensions;
    expect([code, errors.map(({ loc }: { loc: string[] }) => loc[0])]).toEqual(['VALIDATION_ERROR', places]);
    expect(await written()).toEqual(before);
  });

  it('for an unknown person and one of another organization gets the same answer', async () => {
    const answers = [];
    for (const ownerId of ['900000', '142']) {
      const outcome = outcomeOf(await create({ ownerId }));
      answers.push({ ...outcome, detail: outcome.detail?.replace(ownerId, 'N') });
    }
    expect(answers[0]).toMatchObject({ code: 'NOT_FOUND', status: 404, detail: 'User N not found' });
    expect(answers[1]).toEqual(answers[0]);
  });
});

describe('an admin who revokes an API key', () => {
  it('ends it in every gateway with the very next request, and finds that in the audit log', async () => {
    const { key, id } = await made({ name: 'leaked' });
    expect(await readsWith(key)).toEqual(everywhere(null));
    const { body } = await revoke(id, { user: ADMIN }, 'Seen in a public repository');
    expect(Date.parse(body.data.revokeApiKey.revokedAt)).toBeGreaterThan(Date.now() - 60_000);
    expect(await readsWith(key)).toEqual(everywhere('REVOKED_API_KEY'));
    expect((await entriesOf(id))[1]).toMatchObject({
      action_type: 'api_key_revoked',
      actor_id: ADMIN,
      details: `API key ${id} (leaked) revoked`,
      reason: 'Seen in a public repository',
      data: { api_key_id: Number(id), owner_id: ADMIN },
    });
  });

  it('twice, or at the same moment as others, revokes it once', async () => {
    const { id } = await made();
    const all = await Promise.all(Array.from({ length: 8 }, () => revoke(id)));
    const later = await revoke(id);
    const moments = new Set([...all, later].map(({ body }) => body.data.revokeApiKey.revokedAt));
    expect(moments.size).toBe(1);
    expect((await entriesOf(id)).map((entry) => entry['action_type'])).toEqual([
      'api_key_created',
      'api_key_revoked',
    ]);
  });

  it("that is unknown or another organization's gets the same answer after the same statements", async () => {
    await gateway.apiKey({ organization: 2, owner: GLOBEX_ADMIN });
    const [theirs] = await gateway.database.sql<{ id: number }>(
      'SELECT max(id) AS id FROM api_keys WHERE organization_id = 2',
    );
    const answers = [];
    for (const id of ['900000', String(theirs?.id)]) {
      gateway.database.statements.length = 0;
      const outcome = outcomeOf(await revoke(id));
      const statements = gateway.database.statements.map(({ name }) => name);
      answers.push({ ...outcome, detail: outcome.detail?.replace(id, 'N'), statements });
    }
    expect(answers[0]).toMatchObject({ code: 'NOT_FOUND', detail: 'API key N not found' });
    expect(answers[1]).toEqual(answers[0]);
    const [row] = await gateway.database.sql('SELECT revoked_at FROM api_keys WHERE id = $1', [theirs?.id]);
    expect(row).toEqual({ revoked_at: null });
  });

  it.each([
    ['an id that is none', '0', undefined, ['id']],
    ['too long a reason', '1', 'x'.repeat(2001), ['reason']],
  ])('with %s is told so', async (_what, id, reason, place) => {
    const { body } = await revoke(id, { user: ADMIN }, reason);
    expect(body.errors[0].extensions.errors).toMatchObject([{ loc: place }]);
  });
});

describe('an admin who lists the API keys', () => {
  it('sees every key of their organization, newest first, page by page, and of no other', async () => {
    const all = await list('(first: 100)');
    const stored = await gateway.database.sql<{ id: number }>(
      'SELECT id FROM api_keys WHERE organization_id = 1 ORDER BY id DESC',
    );
    const ids = (page: any): number[] => page.edges.map(({ node }: any) => Number(node.id));
    expect(ids(all)).toEqual(stored.map(({ id }) => id));
    expect([all.totalCount, stored.length > 4]).toEqual([stored.length, true]);
    const first = await list('(first: 3)');
    const next = await list(`(first: 100, after: "${String(first.pageInfo.endCursor)}")`);
    expect([...ids(first), ...ids(next)]).toEqual(ids(all));
    expect(ids(await list('', GLOBEX_ADMIN)).some((id) => ids(all).includes(id))).toBe(false);
  });

  it('filters them by owner, by being revoked, and by name', async () => {
    await made({ name: 'Nightly 100% export', ownerId: '42' });
    const names = async (filter: string): Promise<unknown> =>
      (await list(`(filter: ${filter})`)).edges.map(({ node }: any) => node.name);
    expect(await names('{ search: "100% EXP" }')).toEqual(['Nightly 100% export']);
    expect(await names('{ ownerId: [42], revoked: false }')).toEqual(['Nightly 100% export', 'scorer']);
    expect(await names('{ revoked: true, search: "leak" }')).toEqual(['leaked']);
  });

  it('never sees a key or its hash', async () => {
    const { key } = await made();
    const { body } = await gateway.graphql(`{ apiKeys(first: 100) { edges { node { ${KEY} } } } }`, {
      user: ADMIN,
    });
    expect(JSON.stringify(body)).not.toContain(key);
    const [type] = (
      await gateway.graphql('{ __type(name: "ApiKey") { fields { name } } }', { user: ADMIN })
    ).body.data.__type.fields.filter(({ name }: { name: string }) => /key|hash/i.test(name));
    expect(type).toBeUndefined();
  });
});

describe('only an admin administers API keys', () => {
  it.each([
    ['A security manager', 'INSUFFICIENT_PERMISSIONS', { user: 2 }],
    ['A manager', 'INSUFFICIENT_PERMISSIONS', { user: 42 }],
    ['An analyst', 'INSUFFICIENT_PERMISSIONS', { user: 4 }],
    ['A deactivated manager', 'INVALID_TOKEN', { user: 6 }],
    ["An admin's API key of every scope", 'JWT_REQUIRED', { apiKey: 'of an admin' }],
    ['Somebody without a credential', 'MISSING_AUTH', {}],
  ])('%s is refused, %s', async (_who, code, asked: RequestOptions) => {
    const scopes = ['actions:submit', 'actions:read', 'actions:score', 'audit:read'];
    const apiKey = asked.apiKey && (await gateway.apiKey({ owner: ADMIN, scopes }));
    const caller = { ...asked, ...(apiKey !== undefined && { apiKey }) };
    const before = await written();
    const { id } = (await list('(first: 1)')).edges[0].node;
    const answers = [
      await create({}, caller),
      await revoke(id, caller),
      await gateway.graphql('{ apiKeys { totalCount } }', caller),
    ];
    expect(answers.map((answer) => outcomeOf(answer).code)).toEqual([code, code, code]);
    expect(await written()).toEqual(before);
  });
});

describe("the time of a key's last use", () => {
  const lastUsed = async (id: string): Promise<Date | null> => {
    const [row] = await gateway.database.sql<{ at: Date | null }>(
      'SELECT last_used_at AS at FROM api_keys WHERE id = $1',
      [id],
    );
    return row?.at ?? null;
  };

  it('costs a request no statement, and is visible to the admin once it was written', async () => {
    const third = await startGateway({ database: gateway.database });
    const { key, id } = await made();
    gateway.database.statements.length = 0;
    for (let n = 0; n < 5; n += 1) await third.rest('GET', '/api/v1/actions/12345', { apiKey: key });
    const names = gateway.database.statements.map(({ name }) => name);
    expect(names).toHaveLength(10 + 5);
    expect(new Set(names)).toEqual(new Set(['api_keys_by_prefix', 'actions_by_id', 'users_by_id']));
    // A gateway that stops writes the last uses that it knows.
    await third.close();
    const [{ node }] = (await list('(first: 1)')).edges;
    expect(node.id).toBe(id);
    expect(Math.abs(Date.parse(node.lastUsedAt) - Date.now())).toBeLessThan(60_000);
  });

  it('is not recorded for an invalid key', async () => {
    const { key, id } = await made();
    await revoke(id);
    const third = await startGateway({ database: gateway.database });
    await third.rest('GET', '/api/v1/actions/12345', { apiKey: key });
    await third.close();
    expect(await lastUsed(id)).toBeNull();
  });

  it('is written once a minute at most, however many processes the key is used in', async () => {
    const { id } = await made();
    const start = Date.parse('2026-01-20T14:35:00Z');
    const at = (seconds: number) => new Date(start + seconds * 1000);
    const processes = [
      new ApiKeyUses(gateway.database.application),
      new ApiKeyUses(gateway.database.application),
    ];
    const moments: number[] = [];
    const uses = [0, 1, 30, 59, 61, 62, 121, 122];
    for (const [n, seconds] of uses.entries()) {
      processes[n % 2]?.note({ organizationId: 1 }, Number(id), at(seconds));
      await processes[n % 2]?.write();
      moments.push(((await lastUsed(id))?.getTime() ?? 0) - start);
    }
    const [first = 0, ...later] = [...new Set(moments)];
    expect([first, later.length > 0]).toEqual([0, true]);
    for (const [n, moment] of later.entries())
      expect(moment - ([first, ...later][n] ?? 0)).toBeGreaterThanOrEqual(60_000);
    expect(Math.max(...moments)).toBeGreaterThanOrEqual(61_000);
  });

  it('is written by one statement for all keys of an organization, and by none if none was used', async () => {
    const ids = [await made(), await made(), await made()].map(({ id }) => Number(id));
    const statements: string[] = [];
    const sql = {
      query: ((statement, values) => {
        statements.push(statement.name);
        return gateway.database.application.query(statement, values);
      }) as typeof gateway.database.application.query,
    };
    const uses = new ApiKeyUses(sql);
    for (const id of ids) for (let n = 0; n < 3; n += 1) uses.note({ organizationId: 1 }, id, new Date());
    await uses.write();
    await uses.write();
    expect(statements).toEqual(['note_api_key_uses']);
    for (const id of ids) expect(await lastUsed(String(id))).not.toBeNull();
  });

  it('is kept for the next write if the database was away', async () => {
    const { id } = await made();
    let isAway = true;
    const query: typeof gateway.database.application.query = (statement, values) =>
      isAway ? Promise.reject(new Error('away')) : gateway.database.application.query(statement, values);
    const uses = new ApiKeyUses({ query });
    uses.note({ organizationId: 1 }, Number(id), new Date());
    await expect(uses.write()).rejects.toThrow('away');
    uses.forget(new Date(Date.now() + DAY));
    isAway = false;
    await uses.write();
    expect(await lastUsed(id)).not.toBeNull();
  });

  it('does not delay an admin who revokes the key, nor the other way round', async () => {
    const { id } = await made();
    const uses = new ApiKeyUses(gateway.database.application);
    uses.note({ organizationId: 1 }, Number(id), new Date());
    await gateway.database.owner.transaction(async (sql) => {
      await sql.query({ name: 'test_lock', text: `SELECT FROM api_keys WHERE id = ${id} FOR UPDATE` }, []);
      await uses.write();
    });
    expect(await lastUsed(id)).toBeNull();
  });
});
