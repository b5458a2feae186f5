import { WrittenAnswers } from '../../../src/http/written-answers';
import { startGateway, type Gateway } from '../../support/gateway';
import { codeOf, graphqlBody } from '../../support/refusals';
import { keptLogger } from '../../support/run-log';

/**
 * A failure after the execution of an operation, or beside its fields, is masked, coded and logged like a failure
 * inside a field.
 */
let gateway: Gateway;
/** What was logged as an error. */
const logged: { readonly correlationId: string; readonly err: { readonly message: string } }[] = [];
const log = keptLogger('error', (entry) => logged.push(JSON.parse(entry) as (typeof logged)[number]));

/** Deeper than JavaScript can serialise; PostgreSQL can hold it. */
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
/** What a client is told of an unexpected error, which an operator finds by its correlation id. */
function expectMasked(body: ReturnType<typeof graphqlBody>): void {
  const [error, ...others] = body.errors ?? [];
  expect(others).toEqual([]);
  expect(error?.message).toBe('An internal error occurred');
  expect(error?.extensions).toMatchObject({ code: 'INTERNAL_ERROR', status: 500 });
  expect(logged.map(({ correlationId }) => correlationId)).toEqual([error?.extensions.correlationId]);
}

it('a reader of a value that is too deep to be serialised gets an internal error, and the operator its cause', async () => {
  const answer = await gateway.graphql(`{ action(id: ${String(deep)}) { parameters } }`, ADMIN);
  expect(answer.status).toBe(200);
  expect(answer.body.data).toBeNull();
  expectMasked(graphqlBody(answer));
  expect(logged[0]?.err.message).toContain('call stack');
});

it("a reviewer who decides about such an action gets one too, as the answer's size is not estimated", async () => {
  const query = `mutation { rejectAction(actionId: ${String(deep)}) { action { parameters } } }`;
  const answer = await gateway.graphql(query, ADMIN);
  expect(answer.body.data).toBeNull();
  expectMasked(graphqlBody(answer));
  const [row] = await gateway.database.sql('SELECT status FROM actions WHERE id = $1', [deep]);
  expect(row).toEqual({ status: 'denied' });
});

it('a client sees a scalar that cannot be serialised masked in its place, over both APIs', async () => {
  const answer = await gateway.graphql(`{ action(id: ${String(timeless)}) { submittedAt } }`, ADMIN);
  expectMasked(graphqlBody(answer));
  logged.length = 0;
  const rest = await gateway.rest('GET', `/api/v1/actions/${String(timeless)}`, ADMIN);
  expect(codeOf(rest)).toBe('500 INTERNAL_ERROR');
  expect(logged.map(({ correlationId }) => correlationId)).toEqual([rest.body.correlation_id]);
});

it('a client sees an error without a code masked, and those of documents in full', () => {
  const written = new WrittenAnswers(log);
  const message = 'connect ECONNREFUSED 10.0.0.1';
  const formatted = { message, extensions: { code: 'INTERNAL_SERVER_ERROR' } };
  const masked = written.format(formatted, new Error(message));
  expectMasked({ errors: [masked as never] });
  expect(logged[0]?.err.message).toBe(message);
  const told = { message: 'Syntax Error', extensions: { code: 'GRAPHQL_PARSE_FAILED' } };
  expect(written.format(told, new Error('Syntax Error'))).toEqual(told);
});
