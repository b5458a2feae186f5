import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { developmentSubject, openDevelopmentIssuer } from '../../src/http/development-issuer';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { startProcess, stopAll, type RunningGateway } from '../support/processes';

/** Many large answers at once take no more memory than a process has: they are built one after the other. */
const READERS = 20;
const HEAP = 512;
/** Characters of each action's parameters and context: nearly the limit. */
const TEXTS = [65_000, 16_000];
let database: TestDatabase;
let folder: string;
let gateway: RunningGateway;
let token: string;

beforeAll(async () => {
  database = await cloneDatabase();
  folder = mkdtempSync(join(tmpdir(), 'countersign-answers-'));
  gateway = await startProcess({
    DATA_DIR: folder,
    DATABASE_URL: database.applicationUrl,
    DATABASE_OWNER_URL: database.ownerUrl,
    PORT: '0',
    NODE_OPTIONS: `--max-old-space-size=${String(HEAP)}`,
  });
  token = openDevelopmentIssuer(folder).sign(developmentSubject(1), 3_600);
  await database.sql(
    `INSERT INTO actions (organization_id, agent_id, action_type, risk_score, submitted_by, parameters, context)
     SELECT 1, 'agent', 'large', 10, 4, jsonb_build_object('x', repeat('p', $1::integer)), jsonb_build_object('x', repeat('c', $2::integer))
     FROM generate_series(1, 100)`,
    TEXTS,
  );
}, 300_000);
afterAll(async () => {
  await stopAll();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

const requestOf = (query: string) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
  body: JSON.stringify({ query }),
});

/** Sends the request, and reads the answer without keeping it. */
async function ask(query: string): Promise<{ status: number; size: number; end: string }> {
  const response = await fetch(`${gateway.url}/graphql`, requestOf(query));
  let [size, end] = [0, ''];
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    end = Buffer.from(chunk).subarray(-8).toString();
  }
  return { status: response.status, size, end };
}

const QUERY =
  '{ actions(first: 100, filter: { actionType: "large" }) { edges { node { parameters context } } } }';

it('readers of nearly 10 MB each at once do not stop a process with 512 MB of heap: each has the whole answer, or is told to try again', async () => {
  const answers = await Promise.all(Array.from({ length: READERS }, () => ask(QUERY)));
  const isWhole = ({ size, end }: (typeof answers)[number]) => size > 8_100_000 && end.endsWith('}]}}}\n');
  // Those who waited for too long on a slow machine.
  const isRefused = ({ end, size }: (typeof answers)[number]) => size < 1_000 && end.endsWith('\n');
  for (const answer of answers)
    expect([answer, isWhole(answer) || isRefused(answer)]).toEqual([answer, true]);
  expect(answers.filter(isWhole).length).toBeGreaterThan(1);
}, 600_000);

it('a reader who hangs up in the middle leaves the memory to others', async () => {
  const leaving = Array.from({ length: 2 }, async () => {
    const gone = new AbortController();
    const response = await fetch(`${gateway.url}/graphql`, { ...requestOf(QUERY), signal: gone.signal });
    gone.abort();
    return response.status;
  });
  expect(await Promise.all(leaving)).toEqual([200, 200]);
  expect((await ask(QUERY)).status).toBe(200);
}, 600_000);
