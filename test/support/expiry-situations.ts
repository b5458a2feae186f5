import { expireIn, holdBackSweeps, makeOverdue, storedStatuses, sweep } from './expiry';
import { startGateway, type Answer, type Gateway } from './gateway';
import { newPolicy } from './racing';

/** The agent of the actions below, and of no other. */
export const AGENT = 'expiry-agent';

/** The situation of each action, and the status that everybody has to read. */
export const STATUSES = {
  never: 'PENDING_APPROVAL',
  future: 'PENDING_APPROVAL',
  overdue: 'EXPIRED',
  voted: 'EXPIRED',
  swept: 'EXPIRED',
  approved: 'APPROVED',
  denied: 'DENIED',
} as const;
export type Name = keyof typeof STATUSES;
export const NAMES = Object.keys(STATUSES) as Name[];
/** Overdue actions that no sweep has marked. */
export const UNSWEPT = ['overdue', 'voted'] as const;
export const ALL_STATUSES = ['PENDING_APPROVAL', 'APPROVED', 'DENIED', 'EXPIRED'] as const;

export interface Situations {
  readonly gateway: Gateway;
  readonly ids: Readonly<Record<Name, number>>;
  /** The audit entry of the vote on `voted`, by user 1. */
  readonly voteEntry: number;
  /** A key of Acme that reads actions. */
  readonly apiKey: string;
}

/** A gateway whose sweeps mark nothing, with an action in each situation; high risk needs two approvals. */
export async function startSituations(): Promise<Situations> {
  const gateway = await startGateway();
  const { database } = gateway;
  await database.sql(newPolicy({ approvalLevels: true, quorum: { high: 2 } }));
  const added = await gateway.addActions(NAMES.map((name) => (name === 'voted' ? 72 : 35)));
  const ids = Object.fromEntries(NAMES.map((name, n) => [name, added[n] ?? 0])) as Situations['ids'];
  await database.sql('UPDATE actions SET agent_id = $1 WHERE id = ANY ($2)', [AGENT, added]);
  const decide = async (name: Name, verdict: string, user: number): Promise<void> => {
    const { status } = await gateway.rest('POST', `/api/v1/actions/${String(ids[name])}/${verdict}`, {
      user,
    });
    expect(status).toBe(name === 'voted' ? 202 : 200);
  };
  await decide('voted', 'approve', 1);
  await decide('approved', 'approve', 42);
  await decide('denied', 'reject', 42);
  const [entry] = await database.sql<{ id: number }>('SELECT id FROM audit_log WHERE action_id = $1', [
    ids.voted,
  ]);

  await makeOverdue(database, [ids.swept]);
  await sweep(database.application);
  await holdBackSweeps(database);
  expect(await storedStatuses(database, [ids.swept])).toEqual(['expired']);
  await expireIn(database, 86_400, [ids.future]);
  await makeOverdue(database, [ids.overdue, ids.voted, ids.approved, ids.denied]);
  const apiKey = await gateway.apiKey({ scopes: ['actions:read'] });
  return { gateway, ids, voteEntry: entry?.id ?? 0, apiKey };
}

/** Every field of an action except its audit entries, to which a sweep adds one. */
export const ACTION = `id agentId agentName actionType description toolName targetSystem targetResource parameters status
  riskScore submittedAt updatedAt expiresAt approvalsReceived decidedAt reason correlationId riskLevel
  requiredApprovalLevel approvalsRequired votes { verdict reason policyVersion votedAt user { id } }
  submittedBy { id } decidedBy { id } viewerCanApprove { ...Eligible } viewerCanReject { ...Eligible }`;
export const ELIGIBLE = `fragment Eligible on Eligibility { allowed code detail requiredLevel heldLevel riskLimit
  reasonRequired bulkAllowed approvalsMissing votes { user { id } } }`;

/** Reads a whole action. */
export function readAction(gateway: Gateway, id: number, user: number): Promise<Answer> {
  return gateway.graphql(`query ($id: ID!) { action(id: $id) { ${ACTION} } } ${ELIGIBLE}`, {
    user,
    variables: { id },
  });
}

/** Reads a whole list of the agent's actions; newest first unless `orderBy` says otherwise. */
export function readList(gateway: Gateway, filter: object, user: number, orderBy?: object): Promise<Answer> {
  return gateway.graphql(
    `query ($filter: ActionFilter, $orderBy: ActionOrder) { actions(filter: $filter, orderBy: $orderBy, first: 100) {
       totalCount totalCountCapped edges { cursor node { ${ACTION} } } pageInfo { startCursor endCursor } } }
     ${ELIGIBLE}`,
    { user, variables: { filter: { agentId: [AGENT], ...filter }, orderBy } },
  );
}

/** When an action expires, as the database has it. */
export async function expiryOf({ database }: Gateway, id: number): Promise<Date> {
  const [row] = await database.sql<{ at: Date }>('SELECT expires_at AS at FROM actions WHERE id = $1', [id]);
  return row?.at ?? new Date(NaN);
}
