import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Client } from 'pg';
import { Slots } from '../../../src/audit/slots';
import { RefusedError } from '../../../src/domain/refusal';
import { setting, withDatabase } from '../../support/database';
import { addEntries, askForExport, openExport, untilGivenBack } from '../../support/exports';
import { startGateway, type Gateway } from '../../support/gateway';
import { codeOf, graphqlCodeOf } from '../../support/refusals';
import { cases } from '../../support/runs';
import { sealingOf } from '../../support/sealed-log';

/** Long or frequent work for one caller delays nobody else. */
let gateway: Gateway;
/** Several times the kernel's buffers, and more than the verifier reads at once. */
const ENTRIES = 3_000;

beforeAll(async () => {
  gateway = await startGateway();
  const sealing = sealingOf(gateway.database);
  await addEntries(gateway.database, 1, 4, ENTRIES, 2_000);
  await sealing.seal();
  sealing.close();
});
afterAll(() => gateway.close());

const VERIFY = '{ verifyAuditLog { verdict entries } }';
const VERIFICATION = '/api/admin/audit-logs/verify';

/** A lock that nobody passes until it is released. */
async function lock(table: string): Promise<() => Promise<void>> {
  const { pathname } = new URL(gateway.database.applicationUrl);
  const client = new Client(withDatabase(setting('TEST_SUPERUSER_URL'), pathname.slice(1)));
  await client.connect();
  await client.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
  return async () => {
    await client.query('COMMIT');
    await client.end();
  };
}

describe('the slots', () => {
  it('are limited per organization and in total, and each is released once', () => {
    const slots = new Slots('exports', { perOrganization: 2, inProcess: 3 });
    const refused = (organizationId: number) => {
      try {
        slots.take(organizationId)();
        return null;
      } catch (error) {
        return error instanceof RefusedError ? error.refusal : error;
      }
    };
    const give = slots.take(1);
    slots.take(1);
    expect(refused(1)).toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      detail: expect.stringMatching(/^2 exports/) as unknown,
    });
    expect(refused(2)).toBeNull();
    slots.take(2);
    expect(refused(3)).toMatchObject({ detail: expect.stringMatching(/^3 exports/) as unknown });
    give();
    give();
    expect(refused(3)).toBeNull();
    slots.take(1);
    expect(refused(1)).not.toBeNull();
  });
});

it('an organization has two exports at a time, and another one has its own meanwhile', async () => {
  const mine = [
    await openExport(gateway, { format: 'jsonl' }),
    await openExport(gateway, { format: 'bundle' }),
  ];
  const path = '/api/admin/audit-logs/export?format=csv';
  expect(codeOf(await gateway.rest('GET', path, { user: 1 }))).toBe('503 SERVICE_UNAVAILABLE');
  expect((await gateway.rest('GET', path, { user: 101 })).status).toBe(200);
  for (const { leave } of mine) leave();
  await untilGivenBack(gateway.database);
  for (let status = 503; status !== 200;) ({ status } = await gateway.rest('GET', path, { user: 1 }));
});

it('an organization has one verification at a time, over either API, and another one has its own meanwhile', async () => {
  const asked = [
    gateway.graphql(VERIFY, { user: 1 }),
    gateway.graphql(VERIFY, { user: 1 }),
    gateway.rest('GET', VERIFICATION, { user: 1 }),
  ];
  const other = gateway.graphql(VERIFY, { user: 101 });
  const texts = (await Promise.all(asked)).map(({ text }) => text);
  expect(texts.filter((text) => text.includes('1 verifications are running'))).toHaveLength(2);
  expect(texts.filter((text) => text.includes('"verdict":'))).toHaveLength(1);
  expect((await other).body.data.verifyAuditLog.verdict).toBeDefined();
});

it('a verification and an export that take too long in total end, and release their slots', async () => {
  const hurried = await startGateway({ database: gateway.database, verificationMaxMs: 0, exportMaxMs: 1 });
  for (let round = 0; round < 2; round += 1) {
    const answer = await hurried.graphql(VERIFY, { user: 1 });
    expect(graphqlCodeOf(answer)).toBe('SERVICE_UNAVAILABLE');
    expect(answer.body.errors[0].message).toContain('took too long');
  }
  for (let round = 0; round < 3; round += 1) {
    const { answered } = askForExport(hurried, { format: 'jsonl' });
    const isWhole = await answered
      .then(async (response) => {
        await buffer(response);
        return true;
      })
      .catch(() => false);
    expect(isWhole).toBe(false);
    await untilGivenBack(gateway.database);
  }
  await hurried.close();
});

// Their end is seen once the kernel's buffers are read, at their own pace: more than a minute.
const itLong = cases(it.skip, it);
itLong(
  'a reader who takes a little of an export now and then is cut off as one who takes nothing',
  async () => {
    const impatient = await startGateway({ database: gateway.database, exportStalledMs: 300 });
    const { answered } = askForExport(impatient, { format: 'jsonl' });
    const response = await answered;
    response.pause();
    const broken = new Promise<boolean>((resolve) => {
      response.once('error', () => {
        resolve(true);
      });
      response.once('end', () => {
        resolve(false);
      });
    });
    // A kilobyte each time, more often than the limit: never a chunk within it.
    const trickle = setInterval(() => response.read(1_024), 20);
    expect(await broken).toBe(true);
    clearInterval(trickle);
    await untilGivenBack(gateway.database);
    await impatient.close();
  },
);

/** Sends so many requests at once over one connection, so that all have arrived when the first one is answered. */
async function pipelined(path: string, count: number): Promise<string> {
  const { hostname, port } = new URL(gateway.url);
  const socket = connect(Number(port), hostname);
  const asked = Array.from(
    { length: count },
    (_, n) => `GET ${path} HTTP/1.1\r\nHost: x\r\n${n === count - 1 ? 'Connection: close\r\n' : ''}\r\n`,
  );
  socket.write(asked.join(''));
  return (await buffer(socket)).toString();
}

/** Waits until a statement waits for a lock on a table. */
async function untilWaitedFor(table: string): Promise<void> {
  for (let waiting: unknown[] = []; waiting.length === 0;)
    waiting = await gateway.database.sql(
      'SELECT FROM pg_locks WHERE NOT granted AND relation = $1::regclass AND database = (SELECT oid FROM pg_database WHERE datname = current_database())',
      [table],
    );
}

it.each([
  ['/readyz', 'organizations', /^takes_writes$/],
  ['/metrics', 'audit_pending', /^seal_backlog$/],
])('a hundred callers who request %s at once share one statement', async (path, table, name) => {
  const { statements } = gateway.database;
  await gateway.rest('GET', path);
  const unlock = await lock(table);
  statements.length = 0;
  const asked = pipelined(path, 100);
  await untilWaitedFor(table);
  await unlock();
  const [, ...answers] = (await asked).split('HTTP/1.1 200 OK');
  expect(answers).toHaveLength(100);
  // The very same text, measured and written once.
  expect(new Set(answers.map((answer) => answer.split('\r\n\r\n')[1])).size).toBe(1);
  expect(statements.filter((statement) => name.test(statement.name))).toHaveLength(1);
});
