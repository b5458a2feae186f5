import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { buildSchema } from 'graphql';
import { Draw } from '../../support/draw';
import { startGateway, type Gateway, type RequestOptions } from '../../support/gateway';
import { faultOfForm } from '../../support/graphql-answers';
import { RequestMaker, type MadeGraphqlRequest } from '../../support/graphql-requests';
import { foreignIn, inWordsOf, plantMarks, type Organization } from '../../support/marked-organizations';
import { keptLogger } from '../../support/run-log';
import { cases } from '../../support/runs';

/**
 * People and programs of two organizations, and anonymous callers, send whatever can be generated from the schema, and
 * invalid requests besides. The gateway answers all of it in the one form, and shows nobody another organization.
 */
const schema = buildSchema(readFileSync(join(__dirname, '..', '..', '..', 'schema.graphql'), 'utf8'), {
  assumeValidSDL: true,
});
const CASES = cases(300, 20_000);
/** How many requests run at once. */
const TOGETHER = 4;
/** Far longer than any answer takes, in milliseconds: what takes longer hangs. */
const PATIENCE = 60_000;
/** After how many cases people are reset. */
const RESTORED = 100;

interface Caller {
  readonly name: string;
  readonly organization: Organization | null;
  readonly credential: RequestOptions;
}

let gateway: Gateway;
let cursors: readonly string[];
let people: readonly Record<string, unknown>[];
const callers: Caller[] = [];
/** What was logged as an error: only the unexpected. */
const surprises: string[] = [];

beforeAll(async () => {
  const log = keptLogger('error', (entry) => surprises.push(entry));
  gateway = await startGateway({ log, trustProxy: ['127.0.0.1'] });
  cursors = await plantMarks(gateway);
  people = await gateway.database.sql(
    'SELECT id, role, approval_level, max_risk_score FROM users WHERE active',
  );
  // Callers with more rights are drawn more often.
  const users = { 1: [1, 1, 1, 2, 3, 42, 4, 5], 2: [101, 101, 142, 104] };
  const scopes = ['actions:submit', 'actions:read', 'actions:score', 'audit:read'];
  for (const organization of [1, 2] as const) {
    const credential = { apiKey: await gateway.apiKey({ organization, scopes }) };
    callers.push({ name: `a key of ${String(organization)}`, organization, credential });
    for (const user of users[organization])
      callers.push({ name: `user ${String(user)}`, organization, credential: { user } });
  }
  callers.push({ name: 'nobody', organization: null, credential: {} });
  const forged = { headers: { authorization: 'Bearer a.b.c' } };
  callers.push({ name: 'a forger', organization: null, credential: forged });
});
afterAll(() => gateway.close());

/** Resets people to their initial state: without an admin all further requests would be refused. */
function restorePeople(): Promise<unknown> {
  return gateway.database.sql(
    `UPDATE users u SET active = true, version = version + 1,
       role = p.role, approval_level = p.approval_level, max_risk_score = p.max_risk_score
     FROM jsonb_to_recordset($1::jsonb) AS p(id bigint, role text, approval_level integer, max_risk_score double precision)
     WHERE u.id = p.id`,
    [JSON.stringify(people)],
  );
}

/** How often each kind of request got data, or which code else. */
const outcomes = new Map<string, number>();
/** How many answers showed a caller their own organization. */
let told = 0;
/** The names under which something was answered. */
const answered = new Set<string>();

/** @throws {Error} for an answer that nobody should ever get */
async function ask({ name, organization, credential }: Caller, made: MadeGraphqlRequest): Promise<void> {
  const { kind, method, path, headers, rawBody } = made;
  const address = inWordsOf(organization, path);
  const body = rawBody === undefined ? {} : { rawBody: inWordsOf(organization, rawBody) };
  const asked = `${name}, ${kind}: ${method} ${address} ${body.rawBody?.slice(0, 5_000) ?? ''}`;
  const isOver = new AbortController();
  const answer = await Promise.race([
    gateway.rest(method, address, { ...credential, ...body, headers: { ...headers, ...credential.headers } }),
    pause(PATIENCE, null, { signal: isOver.signal }),
  ]).finally(() => {
    isOver.abort();
  });
  if (answer === null) throw new Error(`No answer to ${asked}`);
  const foreign = foreignIn(answer, organization);
  const fault = foreign === null ? faultOfForm(schema, answer) : `with "${foreign}" of another organization`;
  if (fault !== undefined || surprises.length > 0) {
    const shown = `${String(answer.status)} ${answer.text.slice(0, 2_000)}`;
    throw new Error(`${fault ?? 'An error was logged'}: ${shown}\nto ${asked}\n${surprises.join('')}`);
  }
  if (foreignIn(answer, null) !== null) told += 1;
  const { data, errors } = answer.body;
  const given = Object.entries(data ?? {}).filter(([, value]) => value !== null);
  for (const [key] of given) answered.add(key);
  const outcome = `${kind}: ${given.length > 0 ? 'data' : String(errors?.[0]?.extensions.code ?? 'nothing')}`;
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
}

it(
  'a caller who sends anything at all gets an answer in the one form, and nothing of another organization',
  async () => {
    let asked = 0;
    const property = fc.asyncProperty(fc.gen(), async (generate) => {
      const draw = new Draw(generate);
      const maker = new RequestMaker(schema, draw, cursors);
      const made = Array.from({ length: TOGETHER }, () => [draw.pick(callers), maker.request()] as const);
      if (asked % RESTORED === 0) await restorePeople();
      asked += made.length;
      await Promise.all(made.map((one) => ask(...one)));
    });
    const given = process.env['FUZZ_SEED'];
    const { failed, seed, errorInstance } = await fc.check(property, {
      numRuns: CASES / TOGETHER,
      endOnFailure: true,
      ...(given !== undefined && { seed: Number(given) }),
    });
    const command = cases('npx jest stories/requests/fuzz', 'npm run fuzz');
    if (failed)
      throw new Error(
        `One of the first ${String(asked)} cases; again: FUZZ_SEED=${String(seed)} ${command}`,
        {
          cause: errorInstance,
        },
      );
    expect(asked).toBe(CASES);
  },
  cases(600_000, 3_600_000),
);

it('a caller who asks for existing data gets it, from every existing field in a long run', () => {
  const times = (outcome: RegExp) =>
    [...outcomes].reduce((sum, [name, count]) => sum + (outcome.test(name) ? count : 0), 0);
  // A short run holds 30 and 15 on average; far fewer would mean that the generator no longer reaches data.
  expect(times(/^valid: data/)).toBeGreaterThan(CASES / cases(60, 20));
  expect(told).toBeGreaterThan(CASES / cases(150, 50));
  for (const code of ['GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED', 'BAD_REQUEST', 'VALIDATION_ERROR'])
    expect([code, times(new RegExp(`: ${code}$`)) > 0]).toEqual([code, true]);
  const roots = [schema.getQueryType(), schema.getMutationType()];
  const fields = roots.flatMap((type) => Object.keys(type?.getFields() ?? {}));
  const missing = fields.filter((field) => !answered.has(field));
  expect({ missing }).toEqual({ missing: cases(expect.any(Array) as unknown, []) });
});

it('the gateway still works after all those requests', async () => {
  await restorePeople();
  const { body } = await gateway.graphql('{ viewer { id } }', { user: 1 });
  expect(body).toEqual({ data: { viewer: { id: '1' } } });
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});
