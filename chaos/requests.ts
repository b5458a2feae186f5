import type { Operation, Sending, Told } from './ledger';
import type { Random } from './random';

/** The credentials, actions and ids that requests use. */
export interface Cast {
  readonly random: Random;
  /** Returns the Authorization header of a user of organization 1 (or of organization 2, for user 104). */
  token(user: number): string;
  /** A key that may submit, read and score; its owner decides nothing. */
  readonly apiKey: string;
  /** Returns pending actions that no request has decided before. */
  fresh(count: number): readonly number[];
  /** Returns an action that other clients may be deciding at the same moment. */
  contested(): number;
  /** Returns the id of the next request. */
  nextId(): string;
}

/** Users who may decide, weighted by how much they may decide. */
const REVIEWERS = [1, 1, 2, 42] as const;

type Make = (cast: Cast) => Operation;

/** The requests that clients send, weighted in percent. */
const REQUESTS: readonly (readonly [weight: number, make: Make])[] = [
  [16, (cast) => decideOverRest(cast, cast.fresh(1)[0] ?? 0, false)],
  [14, (cast) => decideOverRest(cast, cast.fresh(1)[0] ?? 0, true)],
  [14, (cast) => decideOverGraphql(cast, cast.fresh(1)[0] ?? 0)],
  [16, (cast) => decideOverRest(cast, cast.contested(), false)],
  [6, (cast) => decideOverGraphql(cast, cast.contested())],
  [6, bulkOverRest],
  [4, atomicBulkOverGraphql],
  [8, submitOverRest],
  [4, submitOverGraphql],
  [3, deniedByRole],
  [2, (cast) => reading(cast, 'GET', '/api/v1/actions?limit=20')],
  [2, (cast) => reading(cast, 'GET', '/api/admin/audit-logs?limit=20')],
  [1, (cast) => reading(cast, 'GET', `/api/v1/actions/${String(cast.contested())}/status`)],
  [3, queuePage],
  [1, search],
];

const TOTAL = REQUESTS.reduce((sum, [weight]) => sum + weight, 0);

/** Returns the next request of a client. */
export function nextRequest(cast: Cast): Operation {
  let place = cast.random.next() * TOTAL;
  for (const [weight, make] of REQUESTS) {
    place -= weight;
    if (place < 0) return make(cast);
  }
  return queuePage(cast);
}

function decideOverRest(cast: Cast, actionId: number, isRepeatable: boolean): Operation {
  const id = cast.nextId();
  const verdict = cast.random.chance(0.8) ? 'approve' : 'reject';
  const headers = {
    ...asUser(cast, cast.random.pick(REVIEWERS), id),
    ...(isRepeatable && { 'idempotency-key': id }),
  };
  const sending = post(`/api/v1/actions/${String(actionId)}/${verdict}`, headers, { reason: 'Reviewed' });
  return { id, kind: 'decide', sending, actionIds: [actionId], verdict, isRepeatable, read: readSingle };
}

function readSingle(status: number, body: any): Told {
  if (status === 202) return 'voted';
  return status === 200 && typeof body?.status === 'string' ? 'decided' : 'refused';
}

function decideOverGraphql(cast: Cast, actionId: number): Operation {
  const id = cast.nextId();
  const verdict = cast.random.chance(0.8) ? 'approve' : 'reject';
  const field = `${verdict}Action`;
  const query = `mutation { ${field}(actionId: "${String(actionId)}", reason: "Reviewed", idempotencyKey: "${id}") { status } }`;
  const sending = post('/graphql', asUser(cast, cast.random.pick(REVIEWERS), id), { query });
  return {
    id,
    kind: 'decide',
    sending,
    actionIds: [actionId],
    verdict,
    isRepeatable: true,
    read: (_status, body) => {
      const told = toldByStatus(body?.data?.[field]?.status);
      return told ?? readErrors(body);
    },
  };
}

function toldByStatus(status: unknown): Told | undefined {
  if (status === 'PENDING_APPROVAL' || status === 'pending_approval') return 'voted';
  return typeof status === 'string' ? 'decided' : undefined;
}

/** Returns what GraphQL errors say about the outcome. */
function readErrors(body: any): Told {
  const codes: unknown[] = (body?.errors ?? []).map((error: any) => error?.extensions?.code);
  const isOpen = codes.length === 0 || codes.some((code) => OPEN_CODES.includes(String(code)));
  return isOpen ? 'unknown' : 'refused';
}

const OPEN_CODES = ['SERVICE_UNAVAILABLE', 'INTERNAL_ERROR', 'IDEMPOTENCY_CONFLICT', 'undefined'];

function bulkOverRest(cast: Cast): Operation {
  const id = cast.nextId();
  const verdict = cast.random.chance(0.8) ? 'approve' : 'reject';
  const actionIds = [...cast.fresh(cast.random.between(2, 40)), cast.contested()];
  const isRepeatable = cast.random.chance(0.5);
  const headers = { ...asUser(cast, 1, id), ...(isRepeatable && { 'idempotency-key': id }) };
  const sending = post(`/api/v1/actions/bulk-${verdict}`, headers, { action_ids: actionIds });
  return {
    id,
    kind: 'bulk',
    sending,
    actionIds,
    verdict,
    isRepeatable,
    read: (status, body, actionId) => {
      if (status !== 200) return 'refused';
      const item = body?.results?.find((result: any) => result.action_id === actionId);
      return item?.error_code === undefined ? (toldByStatus(item?.status) ?? 'unknown') : 'refused';
    },
  };
}

function atomicBulkOverGraphql(cast: Cast): Operation {
  const id = cast.nextId();
  const actionIds = cast.fresh(cast.random.between(2, 20));
  const list = actionIds.map((actionId) => `"${String(actionId)}"`).join(', ');
  const query = `mutation { bulkApproveActions(actionIds: [${list}], mode: ATOMIC, idempotencyKey: "${id}") { results { actionId decision { status } } } }`;
  return {
    id,
    kind: 'bulk, atomic',
    sending: post('/graphql', asUser(cast, 1, id), { query }),
    actionIds,
    verdict: 'approve',
    isAtomic: true,
    isRepeatable: true,
    read: (_status, body, actionId) => {
      const results: any[] | undefined = body?.data?.bulkApproveActions?.results;
      if (results === undefined) return readErrors(body);
      const item = results.find((result) => Number(result.actionId) === actionId);
      return toldByStatus(item?.decision?.status) ?? 'refused';
    },
  };
}

function submitOverRest(cast: Cast): Operation {
  const id = cast.nextId();
  const body = { ...submission(cast, id), risk_score: cast.random.between(0, 100) };
  const sending = post('/api/v1/actions/submit', { 'x-api-key': cast.apiKey, 'x-correlation-id': id }, body);
  return { id, kind: 'submit', sending, actionIds: [], readId: readSubmitted, isRepeatable: true };
}

function submitOverGraphql(cast: Cast): Operation {
  const id = cast.nextId();
  const query = `mutation { submitAction(idempotencyKey: "${id}", input: { agentId: "chaos", actionType: "test", description: "${id}" }) { action { id } } }`;
  return {
    id,
    kind: 'submit',
    sending: post('/graphql', asUser(cast, 4, id), { query }),
    actionIds: [],
    readId: readSubmittedOverGraphql,
    isRepeatable: true,
  };
}

function readSubmitted(body: any): number | undefined {
  return body?.action_id;
}

function readSubmittedOverGraphql(body: any): number | undefined {
  const id: unknown = body?.data?.submitAction?.action?.id;
  return id === undefined ? undefined : Number(id);
}

function submission(cast: Cast, id: string): Record<string, unknown> {
  return {
    agent_id: 'chaos',
    action_type: cast.random.pick(['database_write', 'send_email']),
    description: id,
    parameters: { amount: cast.random.between(1, 1000) },
  };
}

/** An attempt by a user whose role may not decide. It leaves a denial record and nothing else. */
function deniedByRole(cast: Cast): Operation {
  const id = cast.nextId();
  const actionId = cast.contested();
  const sending = post(`/api/v1/actions/${String(actionId)}/approve`, asUser(cast, 4, id), {});
  return { id, kind: 'denied', sending, actionIds: [actionId], verdict: 'approve', read: readSingle };
}

function queuePage(cast: Cast): Operation {
  const query =
    '{ actions(filter: { decidableByViewer: true }, first: 10) { totalCount edges { node { id riskLevel viewerCanApprove { allowed } auditLogs(first: 3) { edges { node { id } } } } } } }';
  const id = cast.nextId();
  return { id, kind: 'read', sending: post('/graphql', asUser(cast, 42, id), { query }), actionIds: [] };
}

function search(cast: Cast): Operation {
  const query = '{ actions(filter: { search: "nowhere to be found" }, first: 5) { edges { node { id } } } }';
  const id = cast.nextId();
  return { id, kind: 'search', sending: post('/graphql', asUser(cast, 4, id), { query }), actionIds: [] };
}

function reading(cast: Cast, method: 'GET', path: string): Operation {
  const id = cast.nextId();
  return { id, kind: 'read', sending: { method, path, headers: asUser(cast, 1, id) }, actionIds: [] };
}

function post(path: string, headers: Readonly<Record<string, string>>, body: unknown): Sending {
  return {
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  };
}

function asUser(cast: Cast, user: number, id: string): Record<string, string> {
  return { authorization: `Bearer ${cast.token(user)}`, 'x-correlation-id': id };
}
