import { WrittenAnswers } from '../../../src/http/written-answers';
import { startGateway, type Gateway } from '../../support/gateway';
import { codeOf, graphqlBody } from '../../support/refusals';
import { keptLogger } from '../../support/run-log';

/** What fails once an operation was executed, or beside of its fields, is masked, coded and logged as what fails in them. */
let gateway: Gateway;
/** What was logged as an error. */
const logged: { readonly correlationId: string; readonly err: { readonly message: string } }[] = [];
const log = keptLogger('error', (entry) => logged.push(JSON.parse(entry) as (typeof logged)[number]));

/** Deeper than JavaScript can write; PostgreSQL can hold it. */
const DEPTH = 6_000;
let deep: number;
let timeless: number;

beforeAll(async () => {
  gateway = await startGateway({ log });
  [deep = 0, timeless = 0] = await gateway.addActions([10, 10]);
  await gateway.database.sql(
    `UPDATE actions SET parameters = jsonb_build_object('x', (repeat('[', $2) || repeat(']', $2))::jsonb) WHERE id = $1`,
    [deep, DEPTH],
  );
  await gateway.database.sql(`UPDATE actions SET submitted_at = 'infinity' WHERE id = $1`, [timeless]);
});
beforeEach(() => {
  logged.length = 0;
});
afterAll(() => gateway.close());

const ADMIN = { user: 1 };
/** What a client is told of a surprise, and that an operator finds it by its correlation id. */
function expectMasked(body: ReturnType<typeof graphqlBody>): void {
  const [error, ...others] = body.errors ?? [];
  expect(others).toEqual([]);
  expect(error?.message).toBe('An internal error occurred');
  expect(error?.extensions).toMatchObject({ code: 'INTERNAL_ERROR', status: 500 });
  expect(logged.map(({ correlationId }) => correlationId)).toEqual([error?.extensions.correlationId]);
}

it('whoever reads a value that is too deep to be written is told of an internal error, and the operator of the cause', async () => {
  const answer = await gateway.graphql(`{ action(id: ${String(deep)}) { parameters } }`, ADMIN);
  expect(answer.status).toBe(200);
  expect(answer.body.data).toBeNull();
  expectMasked(graphqlBody(answer));
  expect(logged[0]?.err.message).toContain('call stack');
});

it('and so is whoever decides about it, whose answer is measured by nobody', async () => {
  const query = `mutation { rejectAction(actionId: ${String(deep)}) { action { parameters } } }`;
  const answer = await gateway.graphql(query, ADMIN);
  expect(answer.body.data).toBeNull();
  expectMasked(graphqlBody(answer));
  const [row] = await gateway.database.sql('SELECT status FROM actions WHERE id = $1', [deep]);
  expect(row).toEqual({ status: 'denied' });
});

it('a scalar that cannot be serialised is masked where it stands, over both APIs', async () => {
  const answer = await gateway.graphql(`{ action(id: ${String(timeless)}) { submittedAt } }`, ADMIN);
  expectMasked(graphqlBody(answer));
  logged.length = 0;
  const rest = await gateway.rest('GET', `/api/v1/actions/${String(timeless)}`, ADMIN);
  expect(codeOf(rest)).toBe('500 INTERNAL_ERROR');
  expect(logged.map(({ correlationId }) => correlationId)).toEqual([rest.body.correlation_id]);
});

it('an error that has no code is masked as it goes out, and those of documents are told', () => {
  const written = new WrittenAnswers(log);
  const message = 'connect ECONNREFUSED 10.0.0.1';
  const formatted = { message, extensions: { code: 'INTERNAL_SERVER_ERROR' } };
  const masked = written.format(formatted, new Error(message));
  expectMasked({ errors: [masked as never] });
  expect(logged[0]?.err.message).toBe(message);
  const told = { message: 'Syntax Error', extensions: { code: 'GRAPHQL_PARSE_FAILED' } };
  expect(written.format(told, new Error('Syntax Error'))).toEqual(told);
});
