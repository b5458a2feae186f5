import { text } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { startGateway, type Gateway } from '../../support/gateway';
import { pythonWith, run } from '../../support/programs';
import {
  addEntries,
  askForExport,
  endConnections,
  openExport,
  untilAtRest,
  untilGivenBack,
  type Asked,
} from '../../support/exports';
import { cases } from '../../support/runs';
import { sealingOf } from '../../support/sealed-log';

/** What an admin who exports the audit log relies on: complete files or none, at a low cost for the gateway. */
let gateway: Gateway;

/** With a reason of 2,000 characters each: several times the kernel's buffers, even when compressed. */
const ENTRIES = cases(8_000, 12_000);
/** Entries per statement. */
const PAGE = 200;
const EXPORT = '/api/admin/audit-logs/export';
const SLOW: readonly Asked[] = [
  { format: 'jsonl' },
  { format: 'csv' },
  { format: 'bundle' },
  { format: 'bundle', encoding: 'gzip' },
];
const BROKEN: readonly Asked[] = [
  { format: 'jsonl' },
  { format: 'csv', encoding: 'gzip' },
  { format: 'bundle' },
];
const nameOf = ({ format, encoding }: Asked): string => `${format}${encoding === undefined ? '' : ' (gzip)'}`;
const named = (forms: readonly Asked[]) => forms.map((form) => [nameOf(form), form] as const);

beforeAll(async () => {
  gateway = await startGateway();
  const sealing = sealingOf(gateway.database);
  await addEntries(gateway.database, 1, 4, ENTRIES, 2_000);
  await sealing.seal();
  sealing.close();
});
afterAll(() => gateway.close());

const unpacked = (file: Buffer, { encoding }: Asked): string =>
  (encoding === 'gzip' ? gunzipSync(file) : file).toString('utf8');

/** How many pages of entries were read since the statements were last emptied. */
const pagesFetched = (): number =>
  gateway.database.statements.filter(({ name }) => /^(list_|sealed_entries$)/.test(name)).length;

/** The audit ids in an export of the whole log, in its order. */
function idsIn(file: string, { format }: Asked): number[] {
  const lines = file.split(/\r?\n/).slice(0, -1);
  if (format === 'csv') return lines.slice(1).map((line) => Number(line.split(',')[0]));
  const records = lines.map((line) => JSON.parse(line) as { audit_id?: number; type?: string });
  return records.flatMap(({ audit_id = null }) => audit_id ?? []);
}

/** The stored ids: by time as they are listed, or by their place in the tree. */
async function storedIds({ format }: Asked): Promise<number[]> {
  const rows = await gateway.database.sql<{ id: number }>(
    format === 'bundle'
      ? `SELECT id FROM audit_log LEFT JOIN audit_leaf USING (organization_id)
         WHERE organization_id = 1 AND audit_id = id ORDER BY leaf_index`
      : 'SELECT id FROM audit_log WHERE organization_id = 1 ORDER BY "timestamp", id',
  );
  return rows.map(({ id }) => id);
}

async function recordedExports(): Promise<number> {
  const [row] = await gateway.database.sql<{ count: number }>(
    `SELECT count(*) FROM audit_log WHERE action_type = 'audit_exported'`,
  );
  return row?.count ?? 0;
}

/** Waits until as many exports can run as may run at once: none of the earlier ones counts any more. */
async function untilRoomForExports(through = gateway): Promise<void> {
  await untilGivenBack(gateway.database);
  const path = `${EXPORT}?format=csv&from=2020-01-01&to=2020-01-02`;
  for (;;) {
    const answers = await Promise.all([1, 2].map(() => through.rest('GET', path, { user: 1 })));
    if (answers.every(({ status }) => status === 200)) return;
    for (const { status } of answers) expect([200, 503]).toContain(status);
  }
}

describe('an admin whose client reads slowly', () => {
  it.each(named(SLOW))(
    'costs a few pages of memory, and gets every entry once, in order: %s',
    async (_, form) => {
      gateway.database.statements.length = 0;
      const slow = await openExport(gateway, form);
      await untilAtRest(gateway.database);
      // What fills the kernel's buffers is read, and a page or two on its way.
      expect(pagesFetched()).toBeLessThan(ENTRIES / PAGE / 2);
      const file = unpacked(await slow.rest(), form);
      expect(pagesFetched()).toBeGreaterThan(ENTRIES / PAGE);
      const stored = await storedIds(form);
      expect(stored.length).toBeGreaterThan(ENTRIES);
      expect(idsIn(file, form).slice(0, stored.length)).toEqual(stored);
      const rest = idsIn(file, form).slice(stored.length);
      // Exports are entries too; what is not sealed yet comes last in a bundle.
      expect(rest).toHaveLength(form.format === 'bundle' ? await recordedExports() : 0);
    },
  );

  it('is disconnected once it reads nothing at all, so that no snapshot is kept for ever', async () => {
    const impatient = await startGateway({ database: gateway.database, exportStalledMs: 200 });
    const stalled = await openExport(impatient, { format: 'jsonl' });
    await untilRoomForExports(impatient);
    await expect(stalled.rest()).rejects.toThrow();
    await impatient.close();
  });
});

describe('an interrupted export', () => {
  it.each(named(BROKEN))(
    'releases everything when the client leaves, and is recorded: %s',
    async (_, form) => {
      const before = await recordedExports();
      const left = await openExport(gateway, form);
      await untilAtRest(gateway.database);
      left.leave();
      await untilGivenBack(gateway.database);
      expect(await recordedExports()).toBe(before + 1);
      await untilRoomForExports();
    },
  );

  it('releases everything when the client leaves before the first byte', async () => {
    const before = await recordedExports();
    await gateway.database.owner.transaction(async (sql) => {
      await sql.query({ name: 'hold', text: 'LOCK TABLE audit_log IN EXCLUSIVE MODE' }, []);
      const asked = [1, 2].map(() => askForExport(gateway, { format: 'jsonl' }));
      const left = asked.map(({ answered }) => expect(answered).rejects.toThrow());
      await untilWaiting(2);
      for (const { leave } of asked) leave();
      await Promise.all(left);
    });
    while ((await recordedExports()) < before + 2);
    await untilRoomForExports();
  });

  it.each(named(BROKEN))(
    'never looks complete when the database is lost, and is recorded: %s',
    async (_, form) => {
      const before = await recordedExports();
      const broken = await openExport(gateway, form);
      const chunks: Buffer[] = [];
      await untilAtRest(gateway.database);
      await endConnections(gateway.database);
      broken.response.on('data', (chunk: Buffer) => chunks.push(chunk));
      await expect(broken.rest()).rejects.toThrow();
      expect(broken.response.complete).toBe(false);
      if (form.encoding === 'gzip') expect(() => unpacked(Buffer.concat(chunks), form)).toThrow();
      else expect(Buffer.concat(chunks).toString()).not.toContain('"type":"end"');
      expect(await recordedExports()).toBe(before + 1);
      await untilRoomForExports();
    },
  );

  it('is an error for the client that fetches it, too', async () => {
    const headers = { authorization: `Bearer ${gateway.token(1)}` };
    const response = await fetch(`${gateway.url}${EXPORT}?format=bundle`, { headers });
    await untilAtRest(gateway.database);
    await endConnections(gateway.database);
    await expect(response.text()).rejects.toThrow();
  });

  it('before its first byte is answered with an ordinary error, even where gzip was accepted', async () => {
    // The last read of a bundle is held up, and this one is small: none of it has been sent by then.
    const { asked, answer } = await gateway.database.owner.transaction(async (sql) => {
      await sql.query({ name: 'hold', text: 'LOCK TABLE actions IN ACCESS EXCLUSIVE MODE' }, []);
      const { answered } = askForExport(gateway, { format: 'bundle', user: 101, encoding: 'gzip' });
      const seen = { isAnswered: false };
      void answered.then(() => (seen.isAnswered = true));
      while (!seen.isAnswered) await endConnections(gateway.database, ACTION_STATES);
      const response = await answered;
      return { asked: response, answer: await text(response) };
    });
    expect(JSON.parse(answer)).toMatchObject({ error_code: 'SERVICE_UNAVAILABLE', status: 503 });
    expect(asked.statusCode).toBe(503);
    expect(asked.headers).toMatchObject({ 'content-type': 'application/json; charset=utf-8' });
    expect(asked.headers['content-encoding']).toBeUndefined();
    expect(asked.headers['content-disposition']).toBeUndefined();
    await untilRoomForExports();
  });
});

describe('admins who export at the same time', () => {
  it('are served up to the limit, and the others are told to come back', async () => {
    const asked = Array.from({ length: 6 }, () => askForExport(gateway, { format: 'jsonl' }));
    const answers = await Promise.all(asked.map(({ answered }) => answered));
    const statuses = answers.map(({ statusCode }) => statusCode).sort();
    expect(statuses).toEqual([200, 200, 503, 503, 503, 503]);
    const refused = answers.filter(({ statusCode }) => statusCode === 503);
    for (const { headers } of refused) expect(headers['retry-after']).toBe('1');
    for (const { leave } of asked) leave();
    await untilRoomForExports();
  });

  it('cannot use HEAD for what only the whole export can tell', async () => {
    const { status, headers } = await gateway.rest('HEAD', EXPORT, { user: 1 });
    expect([status, headers.get('allow')]).toEqual([405, 'GET, OPTIONS']);
  });

  it.each([
    [undefined, false],
    ['gzip', true],
    ['br, GZIP ; q=0.5', true],
    ['gzip;q=1.000', true],
    ['*', true],
    ['identity', false],
    ['gzip;q=0', false],
    ['gzip;q=0.000, *', false],
    ['*;q=0', false],
    ['gzip;q=nonsense', false],
  ])('get it compressed only where that is accepted: %s', async (encoding, isGzip) => {
    const range = '&from=2020-01-01&to=2020-01-02';
    const asked: Asked = { format: 'csv', range, ...(encoding !== undefined && { encoding }) };
    const { response, rest } = await openExport(gateway, asked);
    expect(response.headers['content-encoding']).toBe(isGzip ? 'gzip' : undefined);
    expect(response.headers.vary).toContain('Accept-Encoding');
    const file = await rest();
    expect((isGzip ? gunzipSync(file) : file).toString()).toMatch(/^audit_id,[a-z_,]+\r\n$/);
  });
});

const NASTY = [
  '=1+1',
  '+cmd|calc!A0',
  '-2+3',
  '@SUM(A1)',
  '\t=1+1',
  'a "quoted", text; and more',
  'two\r\nlines\nand\rthree',
  ';=1+1',
  '"=1+1',
  "'=1+1",
  'Grüße, 日本語 🙂 \u2028 \u200e',
];

it('an analyst reads the CSV in another program and finds what was written, without anything that would be run', async () => {
  const python = pythonWith('csv');
  if (python === null) {
    console.warn('skipped reading the CSV elsewhere: there is no python3');
    return;
  }
  const [before] = await gateway.database.sql<{ at: Date }>('SELECT clock_timestamp() AS at');
  const ids = await gateway.addActions(NASTY.map(() => 10));
  for (const [index, reason] of NASTY.entries()) {
    const headers = { 'user-agent': `=agent ${String(index)}`, 'x-correlation-id': '-1:1' };
    const path = `/api/v1/actions/${String(ids[index])}/approve`;
    const { status } = await gateway.rest('POST', path, { user: 42, headers, body: { reason } });
    expect(status).toBe(200);
  }
  const range = `&from=${before?.at.toISOString() ?? ''}`;
  const { text: csv } = await gateway.rest('GET', `${EXPORT}?format=csv${range}`, { user: 1 });
  const { text: lines } = await gateway.rest('GET', `${EXPORT}?format=jsonl${range}`, { user: 1 });
  expect(csv.replaceAll(/"(?:[^"]|"")*"/g, '')).not.toMatch(/[^\r]\n|\r[^\n]/);
  const program =
    'import csv, io, json, sys; sys.stdout.write(json.dumps(list(csv.reader(io.StringIO(' +
    'sys.stdin.buffer.read().decode("utf-8"), newline=""), strict=True))))';
  const { stdout, stderr } = await run(python, ['-c', program], { input: csv });
  expect(stderr).toBe('');
  const [header = [], ...rows] = JSON.parse(stdout) as string[][];
  const records = lines
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, string | number | null>);
  expect(records.slice(0, NASTY.length).map(({ reason }) => reason)).toEqual(NASTY);
  const harmless = (value: string | number | null): string => {
    const cell = value === null ? '' : String(value);
    return typeof value === 'string' && '=+-@\t\r\n'.includes(cell.charAt(0) || ' ') ? `'${cell}` : cell;
  };
  expect(header).toEqual(Object.keys(records[0] ?? {}));
  const expected = records.map((record) => Object.values(record).map(harmless));
  // The JSON lines export is one more entry, which the CSV before it does not have.
  expect(rows).toEqual(expected.slice(0, -1));
  expect(rows.flat().filter((cell) => /^[=+\-@\t\r]/.test(cell))).toEqual([]);
});

/** The statement that reads the actions for a bundle, in `pg_stat_activity`. */
const ACTION_STATES = `query LIKE 'SELECT id, status, decided_by_kind%'`;

async function untilWaiting(count: number): Promise<void> {
  for (;;) {
    const [row] = await gateway.database.sql<{ waiting: number }>(
      `SELECT count(*) AS waiting FROM pg_locks WHERE relation = 'audit_log'::regclass AND NOT granted`,
    );
    if ((row?.waiting ?? 0) >= count) return;
  }
}
