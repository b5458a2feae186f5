import { makeSchemaForPrinting } from '../../../src/app';
import { API_KEY_SCOPES, ROLES, type ApiKeyScope, type Role } from '../../../src/domain/role';
import {
  ACME,
  cellsOf,
  GLOBEX,
  isRefused,
  type Aim,
  type Caller,
  type Cell,
  type Operation,
  type Path,
} from '../../support/authorization-cells';
import { addPeopleFor, arrivalOf, targetsFor, type People } from '../../support/authorization-callers';
import {
  ask,
  entriesAfter,
  lastEntry,
  prepare,
  stored,
  type Told,
} from '../../support/authorization-requests';
import { startGateway, type Gateway } from '../../support/gateway';
import { sealingOf } from '../../support/sealed-log';

/**
 * Who may use what: every kind of caller at every operation and path, and the answer each gets, by tables that were
 * written by hand from docs/. Nothing in them is read from `@authorize`, so that a wrong directive is found here.
 */
const EVERYBODY: readonly Role[] = ['admin', 'security_manager', 'manager', 'user'];
const REVIEWERS: readonly Role[] = ['admin', 'security_manager', 'manager'];
const AUDITORS: readonly Role[] = ['admin', 'security_manager'];
const ADMINS: readonly Role[] = ['admin'];

/** See docs/graphql-api.md#queries and docs/graphql-api.md#mutations. */
// prettier-ignore
const OPERATIONS: Readonly<Record<string, Operation>> = {
  action:                { roles: EVERYBODY, scope: 'actions:read',   about: 'action', document: 'query ($action: ID!) { action(id: $action) { id } }' },
  actions:               { roles: EVERYBODY, scope: 'actions:read',   document: '{ actions(first: 1) { edges { node { id } } } }' },
  approvalPolicy:        { roles: EVERYBODY, scope: null,             document: '{ approvalPolicy { version } }' },
  auditLog:              { roles: EVERYBODY, scope: null,             about: 'hidden', document: 'query ($entry: ID!) { auditLog(id: $entry) { id } }' },
  auditLogs:             { roles: EVERYBODY, scope: null,             document: '{ auditLogs(first: 1) { edges { node { id } } } }' },
  auditCheckpoint:       { roles: EVERYBODY, scope: null,             document: '{ auditCheckpoint { note } }' },
  auditInclusionProof:   { roles: EVERYBODY, scope: null,             about: 'hidden', document: 'query ($entry: ID!) { auditInclusionProof(auditId: $entry) { leafIndex } }' },
  auditConsistencyProof: { roles: EVERYBODY, scope: null,             document: '{ auditConsistencyProof(fromSize: 1, toSize: 1) { hashes } }' },
  auditSummary:          { roles: EVERYBODY, scope: null,             document: '{ auditSummary(groupBy: VERDICT) { key } }' },
  verifyAuditLog:        { roles: AUDITORS,  scope: null,             document: '{ verifyAuditLog { isIntact } }' },
  viewer:                { roles: EVERYBODY, scope: null,             document: '{ viewer { id } }' },
  users:                 { roles: ADMINS,    scope: null,             document: '{ users(first: 1) { edges { node { id } } } }' },
  apiKeys:               { roles: ADMINS,    scope: null,             document: '{ apiKeys(first: 1) { edges { node { id } } } }' },
  approveAction:         { roles: REVIEWERS, scope: null,             about: 'action', decides: true, writes: 'action_approved', document: 'mutation ($action: ID!) { approveAction(actionId: $action) { status } }' },
  rejectAction:          { roles: REVIEWERS, scope: null,             about: 'action', decides: true, writes: 'action_denied',   document: 'mutation ($action: ID!) { rejectAction(actionId: $action) { status } }' },
  bulkApproveActions:    { roles: REVIEWERS, scope: null,             about: 'action', decides: true, writes: 'action_approved', document: 'mutation ($action: ID!) { bulkApproveActions(actionIds: [$action]) { results { refusal { code status detail } } } }' },
  bulkRejectActions:     { roles: REVIEWERS, scope: null,             about: 'action', decides: true, writes: 'action_denied',   document: 'mutation ($action: ID!) { bulkRejectActions(actionIds: [$action]) { results { refusal { code status detail } } } }' },
  submitAction:          { roles: EVERYBODY, scope: 'actions:submit', writes: 'action_submitted', document: 'mutation { submitAction(input: { agentId: "a", actionType: "t" }) { actionId } }' },
  changeApprovalPolicy:  { roles: ADMINS,    scope: null,             writes: 'policy_changed',   document: 'mutation ($version: Int!, $turn: Float!) { changeApprovalPolicy(expectedVersion: $version, patch: { autoApproveBelow: $turn }, reason: "r") { version } }' },
  setUser:               { roles: ADMINS,    scope: null,             about: 'not found', writes: 'user_changed',    document: 'mutation ($other: ID!, $turn: Float!) { setUser(userId: $other, patch: { maxRiskScore: $turn }) { id } }' },
  createApiKey:          { roles: ADMINS,    scope: null,             writes: 'api_key_created',  document: 'mutation { createApiKey(name: "n") { key } }' },
  revokeApiKey:          { roles: ADMINS,    scope: null,             about: 'not found', writes: 'api_key_revoked', document: 'mutation ($key: ID!) { revokeApiKey(id: $key) { id } }' },
};

/** See docs/rest-api.md#paths and docs/legacy-sdk.md#paths: the paths, their operations and their credentials. */
// prettier-ignore
const PATHS: Readonly<Record<string, Path>> = {
  'POST /api/v1/actions/:action_id/approve':     { as: 'approveAction' },
  'POST /api/v1/actions/:action_id/reject':      { as: 'rejectAction' },
  'POST /api/v1/actions/bulk-approve':           { as: 'bulkApproveActions', body: '{ "action_ids": [$action] }' },
  'POST /api/v1/actions/bulk-reject':            { as: 'bulkRejectActions', body: '{ "action_ids": [$action] }' },
  'POST /api/v1/actions/submit':                 { as: 'submitAction', body: '{ "agent_id": "a", "action_type": "t" }' },
  'GET /api/v1/actions/:action_id/status':       { as: 'action' },
  'GET /api/v1/actions/:action_id':              { as: 'action' },
  'GET /api/v1/actions':                         { as: 'actions' },
  'GET /api/agent-action/status/:action_id':     { as: 'action' },
  'GET /api/agent-activity':                     { as: 'actions' },
  'GET /api/sdk/approval/:action_id':            { as: 'action' },
  'GET /api/admin/audit-logs':                   { as: 'auditLogs', roles: AUDITORS },
  'GET /audit/logs':                             { as: 'auditLogs', scope: 'audit:read' },
  'GET /api/admin/audit-logs/export':            { roles: AUDITORS, scope: null, writes: 'audit_exported', hasNoHead: true },
  'GET /api/admin/audit-logs/verify':            { as: 'verifyAuditLog', hasNoHead: true },
  'GET /checkpoint':                             { as: 'auditCheckpoint' },
  'GET /.well-known/countersign-audit-keys':     { open: 'unlooked' },
  'GET /api/deployment-info':                    { open: 'looked at' },
  'GET /health':                                 { open: 'unlooked' },
  'GET /readyz':                                 { open: 'unlooked' },
  'GET /metrics':                                { open: 'unlooked' },
  'GET /openapi.json':                           { open: 'unlooked' },
  'GET /':                                       { open: 'unlooked' },
  'GET /docs':                                   { open: 'unlooked' },
  'GET /playground':                             { open: 'unlooked' },
};

/** The parts of pages, which are as public as the pages. */
const PARTS = /^\/(playground|docs|welcome)\//;

/**
 * A score of each risk level, and the required level (docs/approval-policy.md#risk-levels); also an own action, and no
 * action at all.
 */
const AIMS: readonly Aim[] = [
  { title: 'of low risk', score: 35, level: 1 },
  { title: 'of medium risk', score: 50, level: 2 },
  { title: 'of high risk', score: 75, level: 3 },
  { title: 'of critical risk', score: 90, level: 4 },
  { title: 'of their own', score: 35, level: 1, isOwn: true },
  { title: 'that there is not', score: null, level: 0 },
];

/** What of an attempt to decide is recorded (docs/audit-log.md#denied-attempts). */
const RECORDED = [
  'INSUFFICIENT_PERMISSIONS',
  'APPROVAL_LEVEL_REQUIRED',
  'RISK_LIMIT_EXCEEDED',
  'SELF_APPROVAL_FORBIDDEN',
  'JWT_REQUIRED',
];

const SCOPES: readonly ApiKeyScope[] = ['actions:submit', 'actions:read', 'actions:score', 'audit:read'];
const KEY = { organization: ACME, user: 1, scopes: SCOPES } as const;
const OVER = "created_at = now() - interval '2 days', expires_at = now() - interval '1 day'";

/** See docs/getting-started.md#demo-data. */
// prettier-ignore
const CALLERS: readonly Caller[] = [
  { title: 'an admin',                           organization: ACME,   user: 1,   role: 'admin',            level: 4 },
  { title: 'a security manager',                 organization: ACME,   user: 2,   role: 'security_manager', level: 3 },
  { title: 'a manager',                          organization: ACME,   user: 3,   role: 'manager',          level: 1 },
  { title: 'a senior manager',                   organization: ACME,   user: 42,  role: 'manager',          level: 2 },
  { title: 'a manager with a limit',             organization: ACME,   user: 5,   role: 'manager',          level: 1, limit: 30 },
  { title: 'a user',                             organization: ACME,   user: 4,   role: 'user' },
  { title: 'a deactivated admin',                organization: ACME,   user: 'gone', unknown: 'INVALID_TOKEN' },
  { title: 'an admin of another organization',   organization: GLOBEX, user: 101, role: 'admin' },
  { title: 'a manager of another organization',  organization: GLOBEX, user: 142, role: 'manager' },
  { title: 'a user of another organization',     organization: GLOBEX, user: 104, role: 'user' },
  { title: 'an API key that may submit',         ...KEY, scopes: ['actions:submit'] },
  { title: 'an API key that may read actions',   ...KEY, scopes: ['actions:read'] },
  { title: 'an API key that may score',          ...KEY, scopes: ['actions:score'] },
  { title: 'an API key that may read the log',   ...KEY, scopes: ['audit:read'] },
  { title: 'an API key that may do it all',      ...KEY, isBearer: true },
  { title: 'an API key that may do nothing',     ...KEY, scopes: [] },
  { title: 'an API key of another organization', ...KEY, organization: GLOBEX, user: 101 },
  { title: 'an API key of a deactivated admin',  ...KEY, user: 'gone', unknown: 'INVALID_API_KEY' },
  { title: 'a revoked API key',                  ...KEY, sql: 'revoked_at = now()', unknown: 'REVOKED_API_KEY' },
  { title: 'an expired API key',                 ...KEY, sql: OVER, unknown: 'EXPIRED_API_KEY' },
  { title: 'somebody whose token is none',       organization: ACME, unknown: 'INVALID_TOKEN' },
  { title: 'somebody without a credential',      organization: ACME, unknown: 'MISSING_AUTH' },
];

const TABLES = { operations: OPERATIONS, paths: PATHS, aims: AIMS };

let gateway: Gateway;
let people: People;

beforeAll(async () => {
  gateway = await startGateway();
  people = await addPeopleFor(gateway);
  const sealing = sealingOf(gateway.database);
  await sealing.seal();
  sealing.close();
});
afterAll(() => gateway.close());

const changes = ({ rule, expected }: Cell): boolean =>
  rule.writes !== undefined && ['ok', 'item ok'].includes(expected);

/** The answer is the one in the tables, in the form of its API. */
function expectTheTables(told: readonly Told[], caller: Caller): void {
  const label = ({ title, api }: Cell, said: string): string => `${title} over ${api}: ${said}`;
  expect(told.map(({ cell, said }) => label(cell, said))).toEqual(
    told.map(({ cell }) => label(cell, cell.expected)),
  );
  const http = ({ cell: { api }, said }: Told): number => {
    // A refusal is an entry of `errors` in a 200, except for an invalid credential (docs/graphql-api.md#errors).
    if (api === 'graphql') return isRefused(caller) ? 401 : 200;
    return said === 'absent' ? 404 : Number(/^\d+/.exec(said)?.[0] ?? 200);
  };
  expect(told.map((one) => label(one.cell, String(one.http)))).toEqual(
    told.map((one) => label(one.cell, String(http(one)))),
  );
}

/** Both APIs of an operation answer the same, in the same words. */
function expectEqualApis(told: readonly Told[]): number {
  const pairs = told.flatMap((one) => {
    const { as, roles, scope } = PATHS[one.cell.row] ?? {};
    // Where REST requires something else, the tables say what.
    if (one.cell.isHead || roles !== undefined || scope !== undefined) return [];
    const other = told.find(({ cell }) => cell.row === as && cell.aim === one.cell.aim);
    return other === undefined ? [] : [[one, other] as const];
  });
  const words = ({ said, detail }: Told, { cell: { title } }: Told) => [title, said, detail];
  expect(pairs.map(([rest, graphql]) => words(rest, graphql))).toEqual(
    pairs.map(([, graphql]) => words(graphql, graphql)),
  );
  return pairs.length;
}

const statusOf = ({ cell: { rule }, actionId }: Told) => ({
  id: actionId,
  status: rule.writes === 'action_approved' ? 'approved' : 'denied',
});

it.each(CALLERS)('$title gets at every path and operation what the documentation allows', async (caller) => {
  const { credential, by } = await arrivalOf(gateway, caller, people);
  const targets = await targetsFor(gateway, caller, people, 11 + CALLERS.indexOf(caller));
  const prepared = await prepare(gateway, cellsOf(caller, TABLES), targets.user);
  const isRecorded = ({ cell: { rule, expected } }: Told): boolean =>
    rule.decides === true && RECORDED.some((code) => expected.includes(code));

  const [start, before] = [await lastEntry(gateway), await stored(gateway)];
  const idle = prepared.filter(({ cell }) => !changes(cell));
  const refused = await ask(gateway, credential, idle, targets);
  expectTheTables(refused, caller);
  expect(await stored(gateway)).toEqual(before);
  const denialRecords = await entriesAfter(gateway, start);
  expect(denialRecords).toEqual(denialRecords.map(() => ({ type: 'decision_refused', ...by })));
  expect(denialRecords.length > 0).toBe(refused.some(isRecorded));

  const middle = await lastEntry(gateway);
  const busy = prepared.filter(({ cell }) => changes(cell));
  const changed = await ask(gateway, credential, busy, targets);
  expectTheTables(changed, caller);
  const types = busy.map(({ cell: { rule } }) => rule.writes ?? '').sort();
  expect(await entriesAfter(gateway, middle)).toEqual(types.map((type) => ({ type, ...by })));
  const decided = changed.filter(({ cell: { aim } }) => aim !== null);
  const rows = await gateway.database.sql('SELECT id, status FROM actions WHERE id = ANY($1) ORDER BY id', [
    decided.map(({ actionId }) => actionId),
  ]);
  expect(rows).toEqual(decided.map(statusOf).sort((a, b) => a.id - b.id));

  expect(expectEqualApis([...refused, ...changed])).toBeGreaterThan(50);
});

describe('the tables of the documentation have a row for', () => {
  it('every operation of the schema', () => {
    const schema = makeSchemaForPrinting();
    const types = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
    const fields = types.flatMap((type) => Object.keys(type?.getFields() ?? {}));
    expect(fields.sort()).toEqual(Object.keys(OPERATIONS).sort());
  });

  it('every path that the gateway serves, and every method', async () => {
    const served: string[] = [];
    for (const path of gateway.paths()) {
      if (path === '/graphql' || PARTS.test(path)) continue;
      const { headers } = await gateway.rest('OPTIONS', path.replace(':action_id', '12345'));
      const allowed = headers.get('allow')?.split(', ') ?? [];
      served.push(
        ...allowed.filter((method) => !/HEAD|OPTIONS/.test(method)).map((method) => `${method} ${path}`),
      );
    }
    expect(served.sort()).toEqual(Object.keys(PATHS).sort());
  });

  it('every role and every scope, each with a caller who has only it', () => {
    const roles = CALLERS.flatMap(({ role, organization }) => (organization === ACME ? (role ?? []) : []));
    expect([...new Set(roles)].sort()).toEqual([...ROLES].sort());
    const scopes = CALLERS.flatMap(({ scopes: has = [] }) => (has.length === 1 ? has : []));
    expect(scopes.sort()).toEqual([...API_KEY_SCOPES].sort());
  });

  it('two thousand cells and more', () => {
    expect(CALLERS.flatMap((caller) => cellsOf(caller, TABLES)).length).toBeGreaterThan(2000);
  });
});
