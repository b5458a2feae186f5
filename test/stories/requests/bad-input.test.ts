import { startGateway, type Gateway, type RequestOptions } from '../../support/gateway';
import { codeOf, expectDemoActionsUntouched, expectEach, faultsOf } from '../../support/refusals';

/** Whatever is sent over REST, the answer is a refusal that says what is wrong, and nothing is decided. */
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());
expectDemoActionsUntouched(() => gateway);

const ADMIN = 1;
const APPROVE = '/api/v1/actions/12345/approve';
const REJECT = '/api/v1/actions/12346/reject';
const BULK = '/api/v1/actions/bulk-approve';
const INVALID = '422 VALIDATION_ERROR';

/** An admin's POST of exactly this text or these bytes. */
const post = (path: string, rawBody: string | Buffer, options: RequestOptions = {}) =>
  gateway.rest('POST', path, {
    user: ADMIN,
    headers: { 'content-type': 'application/json' },
    rawBody,
    ...options,
  });
/** A senior manager's decision about a new action of low risk. */
async function decideNew(operation: string, options: RequestOptions) {
  const [id = 0] = await gateway.addActions([10]);
  const answer = await gateway.rest('POST', `/api/v1/actions/${String(id)}/${operation}`, {
    user: 42,
    ...options,
  });
  const [row] = await gateway.database.sql('SELECT status, reason FROM actions WHERE id = $1', [id]);
  return { id, answer, row };
}

describe('an id in the path that is no integer from 1 to 2^53-1', () => {
  const ids = [
    ...'0 -1 +1 %2B1 1.0 1e3 01 0x3039 9007199254740992 9223372036854775808'.split(' '),
    ...'abc null NaN 12345n 12345;x 12345,12346 %20 12345%20 %0912345 %00 12345%00'.split(' '),
    ...'%2F 12345%2Fapprove % %ZZ 12345%ZZ %E0%A4 %FF %D9%A1%D9%A2%D9%A3 %EF%BC%91%EF%BC%92'.split(' '),
    '9'.repeat(400),
  ];

  it.each([
    ['approve', 'POST', '/approve'],
    ['reject', 'POST', '/reject'],
    ['ask for the status of', 'GET', '/status'],
    ['read', 'GET', ''],
  ])('is a 422 for an admin who attempts to %s it', async (_what, method, rest) => {
    const ask = async (id: string) => {
      const answer = await gateway.rest(method, `/api/v1/actions/${id}${rest}`, { user: ADMIN });
      return [codeOf(answer), ...faultsOf(answer).map(({ loc }) => loc.join('.'))];
    };
    await expectEach(ids, ask, [INVALID, 'path.action_id']);
  });

  it('decides nothing where it is missing', async () => {
    const paths = ['/api/v1/actions//approve', '/api/v1/actions//reject', '/api/v1/actions/approve'];
    const ask = async (path: string) => {
      const { status } = await gateway.rest('POST', path, { user: ADMIN });
      return status >= 400 && status < 500;
    };
    await expectEach(paths, ask, true);
  });
});

describe('a bulk', () => {
  const items = [
    ...'null "12346" "" true false [12346] [[[]]] {} {"id":12346}'.split(' '),
    ...'12346.0 12345.0000000000001 12346.5 1e3 1E400 -0 0 -1'.split(' '),
    ...'9007199254740992 9007199254740993 9223372036854775808'.split(' '),
    '9'.repeat(400),
  ];

  it.each(['bulk-approve', 'bulk-reject'])('by %s with one bad id is a 422 as a whole', async (operation) => {
    const ask = async (item: string) => {
      const answer = await post(`/api/v1/actions/${operation}`, `{"action_ids":[12345,${item}]}`);
      return [codeOf(answer), ...faultsOf(answer).map(({ loc }) => loc.join('.'))];
    };
    await expectEach(items, ask, [INVALID, 'body.action_ids.1']);
  });

  it('names every bad id at its own place', async () => {
    const answer = await post(BULK, '{"action_ids":[0,12345,"x",12346,1.5]}');
    expect(faultsOf(answer).map(({ loc }) => loc)).toEqual([0, 2, 4].map((at) => ['body', 'action_ids', at]));
  });

  it('without a list of 1 to 500 ids is a 422, duplicates counted', async () => {
    const lists = 'null 12345 "12345" {} true []'.split(' ');
    const tooMany = [
      Array<number>(501).fill(12345),
      Array.from({ length: 501 }, (_, n) => 12000 + n),
    ] as const;
    const bodies = [...lists, ...tooMany.map((ids) => JSON.stringify(ids))].map(
      (ids) => `{"action_ids":${ids}}`,
    );
    await expectEach(['', '{}', ...bodies], async (body) => codeOf(await post(BULK, body)), INVALID);
  });

  it('of 500 times the same id is one decision', async () => {
    const [id = 0] = await gateway.addActions([10]);
    const body = { action_ids: Array<number>(500).fill(id) };
    const answer = await gateway.rest('POST', BULK, { user: 42, body });
    expect(answer.body).toMatchObject({
      requested: 1,
      succeeded: 1,
      failed: 0,
      results: [{ action_id: id }],
    });
  });
});

describe('a reason', () => {
  it('that is not a text of at most 2,000 well-formed characters is a 422', async () => {
    const reasons = [
      ...String.raw`"a\u0000b" "\ud800" "x\udc00" "\udc00\ud800"`.split(' '),
      ...['x'.repeat(2001), '😀'.repeat(2001), 'x'.repeat(200_000), '\\"'.repeat(100_000)].map(
        (t) => `"${t}"`,
      ),
      ...'5 1.5 1e3 true false [] ["x"] {} {"text":"x"}'.split(' '),
    ];
    const ask = async (reason: string) => {
      const answers = [
        await post(APPROVE, `{"reason":${reason}}`),
        await post(REJECT, `{"reason":${reason},"x":0.5}`),
        await post(BULK, `{"action_ids":[12345],"reason":${reason}}`),
      ];
      return answers.flatMap((answer) => [
        codeOf(answer),
        ...faultsOf(answer).map(({ loc }) => loc.join('.')),
      ]);
    };
    await expectEach(
      reasons,
      ask,
      [INVALID, INVALID, INVALID].flatMap((code) => [code, 'body.reason']),
    );
  });

  it('in bytes that are not UTF-8 is a 422', async () => {
    const faulty = ['ff', 'c328', 'eda080', 'f09f'].map((hex) => Buffer.from(hex, 'hex'));
    const ask = async (bytes: Buffer) => {
      const body = Buffer.concat([Buffer.from('{"reason":"'), bytes, Buffer.from('"}')]);
      return codeOf(await post(APPROVE, body));
    };
    await expectEach(faulty, ask, INVALID);
  });

  it('of 2,000 emoji is kept unchanged', async () => {
    const reason = '😀'.repeat(2000);
    const { answer, row } = await decideNew('reject', { body: { reason } });
    expect(answer.body).toMatchObject({ status: 'denied', reason });
    expect(row).toEqual({ status: 'denied', reason });
  });

  it('that is absent, null, empty or blank counts as none', async () => {
    for (const body of [{}, { reason: null }, { reason: '' }, { reason: ' \n\t\u00a0' }]) {
      const { answer, row } = await decideNew('reject', { body });
      expect(answer.body).not.toHaveProperty('reason');
      expect(row).toEqual({ status: 'denied', reason: null });
    }
  });
});

describe('a body', () => {
  it('that is not JSON is a 400', async () => {
    const texts = ['{', '{"reason":}', '{"reason":"x"', "{'reason':'x'}", '{}x', 'x', 'NaN', '\0'];
    const ask = async (text: string) => [await post(APPROVE, text), await post(BULK, text)].map(codeOf);
    await expectEach([...texts, '{"reason":"a\0"}'], ask, ['400 INVALID_JSON', '400 INVALID_JSON']);
  });

  it('that is JSON but no object is a 422', async () => {
    const nested = '['.repeat(100_000) + ']'.repeat(100_000);
    const texts = ['[]', '[{"reason":"x"}]', 'null', '"x"', '5', '1.5', 'true', nested];
    const ask = async (text: string) => {
      const answers = [await post(APPROVE, text), await post(BULK, text)];
      return answers.flatMap((answer) => [
        codeOf(answer),
        ...faultsOf(answer).map(({ loc }) => loc.join('.')),
      ]);
    };
    await expectEach(texts, ask, [INVALID, 'body', INVALID, 'body']);
  });

  it('of another content type is a 415', async () => {
    const types = ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'x'];
    const ask = async (type: string) => {
      const options = { headers: { 'content-type': type } };
      return [await post(APPROVE, '{}', options), await post(BULK, '{}', options)].map(codeOf);
    };
    const refused = '415 UNSUPPORTED_MEDIA_TYPE';
    await expectEach(types, ask, [refused, refused]);
  });

  it('of 10 MB is a 413 that reaches its sender', async () => {
    const large = Buffer.alloc(10_000_000, ' ');
    const ask = async (path: string) => codeOf(await post(path, large));
    await expectEach([APPROVE, REJECT, BULK], ask, '413 PAYLOAD_TOO_LARGE');
  });

  it('with unknown fields is read for its known fields', async () => {
    const body = { reason: 'fine', action_id: 12345, approved_by: 1, status: 'denied', more: [{ x: 1.5 }] };
    const { id, answer, row } = await decideNew('approve?action_id=12345&reason=x&%00=%ZZ', { body });
    expect(answer.body).toMatchObject({ action_id: id, status: 'approved', approved_by: 42 });
    expect(row).toEqual({ status: 'approved', reason: 'fine' });
  });
});

describe('a list', () => {
  const list = (path: string) => gateway.rest('GET', path, { user: ADMIN });
  const pageFaults = [
    ...'limit=0 limit=-1 limit=1001 limit=x limit=1.5 limit=1e2 limit=%00 limit=99999999999999999999'.split(
      ' ',
    ),
    ...'offset=-1 offset=x offset=1.0 offset=9223372036854775808'.split(' '),
  ];

  it.each([
    ['actions', '/api/v1/actions', 'status_filter=bogus status_filter=%00 agent_id=%00 agent_id=a%00b'],
    [
      'audit entries',
      '/api/admin/audit-logs',
      'user_id=0 user_id=abc action_id=-1 action_id=12345.0 action_id=9007199254740992 action_type=%00 ' +
        'correlation_id=a%00 cursor=%00 cursor=garbage cursor=W10 ' +
        'from=yesterday to=13/01/2026 from=2026-13-01 to=2026-01-20T25:00:00Z from=5 to=%00',
    ],
  ])('of %s with an invalid parameter is a 422', async (_what, path, faults) => {
    const ask = async (query: string) => {
      const answer = await list(`${path}?${query}`);
      return [codeOf(answer), faultsOf(answer).length > 0];
    };
    await expectEach([...pageFaults, ...faults.split(' ')], ask, [INVALID, true]);
  });

  it('with a time at the edge of the calendar is answered', async () => {
    const times = ['0000-01-01', '0001-01-01T00:00:00%2B14:00', '9999-12-31T23:59:59-12:00', '2026-02-30'];
    const ask = async (time: string) => {
      const answers = [
        await list(`/api/admin/audit-logs?from=${time}`),
        await list(`/api/admin/audit-logs?to=${time}`),
      ];
      return answers.map(({ status }) => status < 500);
    };
    await expectEach(times, ask, [true, true]);
  });

  it('with unknown parameters answers as without them', async () => {
    const plain = await list('/api/v1/actions?limit=2');
    const decorated = await list('/api/v1/actions?limit=2&page=7&sort=x&%00=%ZZ&id=0&__proto__=1');
    expect([decorated.status, decorated.text]).toEqual([200, plain.text]);
    expect((await list('/api/admin/audit-logs?sort=x&constructor=%ZZ')).status).toBe(200);
  });
});
