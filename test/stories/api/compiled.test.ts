import { buildSchema, parse, type DocumentNode, type ExecutionResult } from 'graphql';
import { makeRunOperation } from '../../../src/graphql/compiled';
import { startGateway, type Gateway, type RequestOptions } from '../../support/gateway';
import { withoutCorrelation } from '../../support/refusals';

/** Repeated operations are compiled: their answers stay the same, to the letter. */
const ADMIN = { user: 1 };
const ANALYST = { user: 4 };

const ACTION = `id agentId agentName actionType description toolName targetSystem targetResource parameters context
  riskIndicators status riskScore riskLevel submittedAt updatedAt expiresAt approvalsReceived approvalsRequired decidedAt
  reason correlationId requiredApprovalLevel submittedBy { id name role } decidedBy { id name }`;
const ENTRY = `id actionType actorKind actorId actionId timestamp details verdict reason refusalCode riskScore
  requiredLevel heldLevel policyVersion approvalsReceived approvalsRequired ipAddress userAgent data correlationId`;
const ELIGIBILITY =
  'allowed code detail requiredLevel heldLevel riskLimit votes { verdict user { id } votedAt }';

describe('a client whose operation is compiled gets the same answer as from graphql-js', () => {
  let plain: Gateway;
  let compiled: Gateway;
  let apiKey: string;

  beforeAll(async () => {
    plain = await startGateway({ runsBeforeCompiling: Infinity });
    compiled = await startGateway({ database: plain.database, runsBeforeCompiling: 0 });
    apiKey = await plain.apiKey({});
    await plain.rest('POST', '/api/v1/actions/12345/approve', { user: 42, body: { reason: 'Reviewed' } });
    await plain.rest('POST', '/api/v1/actions/12346/reject', { user: 42, body: { reason: 'No' } });
  });
  afterAll(async () => {
    await compiled.close();
    await plain.close();
  });

  const withKey = (): RequestOptions => ({ headers: { 'x-api-key': apiKey } });
  const SELF_APPROVAL = 'mutation { approveAction(actionId: 12347) { actionId status } }';

  it.each<[what: string, query: string, variables?: object, by?: () => RequestOptions]>([
    [
      'a list with all that belongs to it, counted',
      `{ actions(first: 20) { edges { cursor node { ${ACTION} viewerCanApprove { ${ELIGIBILITY} } votes { verdict reason }
         auditLogs(first: 3) { totalCount edges { cursor node { ${ENTRY} actor { id } action { id } } } } } }
         pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount totalCountCapped } }`,
    ],
    [
      'variables with defaults, in the operation and inside of an input',
      `query ($filter: ActionFilter = { status: [PENDING_APPROVAL] }, $order: ActionOrder, $first: Int = 3) {
         actions(filter: $filter, orderBy: $order, first: $first) { edges { node { id riskScore status } } } }`,
      { order: { field: 'RISK_SCORE' } },
    ],
    [
      'times, enums and ids as variables inside of inputs',
      `query ($from: DateTime, $type: String!, $id: ID!) {
         auditLogs(filter: { from: $from, actionType: [$type], actionId: [$id] }) { edges { node { ${ENTRY} } } } }`,
      { from: '2020-01-01T00:00:00Z', type: 'action_approved', id: '12345' },
    ],
    [
      'fragments, aliases, repeated fields and type names',
      `query A { a: action(id: 12345) { ...F id ... on Action { id reason } } b: action(id: 12346) { ...F } __typename }
       fragment F on Action { __typename is: status id auditLogs { edges { __typename node { kind: actorKind } } } }`,
    ],
    [
      'null for what is not there, also inside of a list',
      `{ action(id: 999999) { id } auditLog(id: 999999) { id } actions(first: 3) { edges { node { decidedBy { id } } } } }`,
    ],
    ['the schema', '{ __schema { queryType { name fields { name type { kind name ofType { name } } } } } }'],
    ['a type', '{ __type(name: "Action") { name kind fields { name args { name } } } }'],
    ['a page size that is none', '{ actions(first: 0) { edges { node { id } } } }'],
    ['a cursor that is none, next to what is fine', '{ actions(after: "?") { totalCount } viewer { id } }'],
    ['a variable of the wrong type', 'query ($id: ID!) { action(id: $id) { id } }', { id: { a: 1 } }],
    ['a variable that is missing', 'query ($id: ID!) { action(id: $id) { id } }'],
    ...[{ o: null }, {}, { o: 'ASC' }].map((variables): [string, string, object] => [
      `a default inside of an input that ${JSON.stringify(variables)} could stand for`,
      `query ($o: SortDirection = DESC) {
         actions(orderBy: { field: RISK_SCORE, direction: $o }, first: 3) { edges { node { riskScore } } } }`,
      variables,
    ]),
    [
      'fields that are refused below a list, each by itself',
      '{ actions(first: 3) { edges { node { id auditLogs { totalCount } } } } }',
      {},
      withKey,
    ],
    ['a decision that is refused', SELF_APPROVAL, {}, () => ANALYST],
    ['no credential', '{ viewer { id } }', {}, () => ({})],
    [
      'a condition around a fragment',
      `query ($no: Boolean!) { action(id: 12345) { decidedBy @skip(if: $no) { ...U } submittedBy @include(if: $no) { ...U } } }
       fragment U on User { id name }`,
      { no: true },
    ],
    ['names that JavaScript has itself', '{ constructor: viewer { __proto__: id toString: name } }'],
    ['one of several operations', 'query A { viewer { id } } query B { viewer { name } }'],
  ])('%s', async (_what, query, variables = {}, by = () => ADMIN) => {
    const answer = async (gateway: Gateway) => {
      const { status, text } = await gateway.graphql(query, { ...by(), variables: { ...variables } });
      return { status, text: withoutCorrelation(text) };
    };
    const expected = await answer(plain);
    for (let n = 0; n < 3; n += 1) expect(await answer(compiled)).toEqual(expected);
  });
});

describe('an operation', () => {
  const schema = buildSchema('type Query { a: Int b: Int }');
  /** Results of graphql-js have no prototype, which tells the two executors apart. */
  const isCompiled = ({ data }: ExecutionResult): boolean => Object.getPrototypeOf(data) !== null;
  /** Runs documents, and returns for each whether it was compiled. */
  const runner = (runsBefore: number) => {
    const run = makeRunOperation(runsBefore);
    return async (document: DocumentNode): Promise<boolean> => isCompiled(await run({ schema, document }));
  };

  it('is compiled once it has run often enough', async () => {
    const run = runner(2);
    const [one, other] = [parse('{ a }'), parse('{ b }')];
    const runs: boolean[] = [];
    for (const document of [one, one, other, one, one, other]) runs.push(await run(document));
    expect(runs).toEqual([false, false, false, true, true, false]);
  });

  it.each([
    ['is large', `{ ${Array.from({ length: 201 }, (_, n) => `a${String(n)}: a`).join(' ')} }`],
    ['has a condition', '{ a @skip(if: false) }'],
    ['has a name that is none in JavaScript', '{ __proto__: a }'],
  ])('that %s is never compiled', async (_what, text) => {
    const run = runner(0);
    const document = parse(text);
    for (let n = 0; n < 3; n += 1) expect(await run(document)).toBe(false);
  });

  it('is forgotten after 256 others, and compiled again once it has run often enough', async () => {
    const run = runner(1);
    const first = parse('{ a }');
    const twice = async (document: DocumentNode): Promise<boolean[]> => [
      await run(document),
      await run(document),
    ];
    expect(await twice(first)).toEqual([false, true]);
    for (let n = 0; n < 255; n += 1) await twice(parse('{ b }'));
    expect(await run(first)).toBe(true);
    for (let n = 0; n < 256; n += 1) await twice(parse('{ b }'));
    expect(await twice(first)).toEqual([false, true]);
  });
});
