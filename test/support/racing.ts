import { Database } from '../../src/persistence/sql/database';
import { isPooled, setting } from './database';
import { clientOf, startGateway, type Gateway } from './gateway';
import { startProcess, stopAll } from './processes';

/** 100 managers of level 4, in Acme. */
export const REVIEWERS = Array.from({ length: 100 }, (_, n) => 1000 + n);

export type Verdict = 'approve' | 'reject';

/** One person's attempt to decide one action, and what they were told of it. */
export interface Attempt {
  readonly actionId: number;
  readonly user: number;
  readonly verdict: Verdict;
  /** Null where it was not refused. */
  readonly code: string | null;
  /** The action's status, who decided it and when, as the answer has it. */
  readonly told: { readonly status: string; readonly by: number; readonly at: string };
}

/** Decides one action, or several in one bulk; one attempt per action. */
type Decide = (
  through: Gateway,
  user: number,
  verdict: Verdict,
  ids: number | readonly number[],
) => Promise<Attempt[]>;

/** Two gateways, and how to stop what belongs to them alone. */
interface Pair {
  readonly gateways: readonly [Gateway, Gateway];
  readonly close: () => Promise<void>;
}

/**
 * Two gateways on one database, each with connections of its own, and the reviewers. With TEST_PROCESSES each is a
 * process of its own (`npm run test:processes`), otherwise both are in this one.
 */
export async function startRace(): Promise<Pair> {
  const first = await startGateway();
  await first.database.sql(
    `WITH added AS (
       INSERT INTO users (organization_id, id, name, role, approval_level)
       SELECT 1, id, 'Reviewer ' || id, 'manager', 4 FROM unnest($1::bigint[]) AS id RETURNING id
     )
     INSERT INTO user_identities (issuer, subject, organization_id, user_id)
     SELECT (SELECT min(issuer) FROM user_identities), 'user-' || id, 1, id FROM added`,
    [REVIEWERS],
  );
  const pair = await (process.env['TEST_PROCESSES'] === '1' ? asProcesses(first) : inThisProcess(first));
  const close = async (): Promise<void> => {
    await pair.close();
    await first.close();
  };
  return { gateways: pair.gateways, close };
}

async function inThisProcess(first: Gateway): Promise<Pair> {
  const application = await new Database({
    url: first.database.applicationUrl,
    poolSize: 20,
    tls: false,
    preparedStatements: !isPooled(),
  }).connect();
  const second = await startGateway({ database: { ...first.database, application } });
  const close = async (): Promise<void> => {
    await second.close();
    await application.close();
  };
  return { gateways: [first, second], close };
}

async function asProcesses(first: Gateway): Promise<Pair> {
  const settings = {
    PORT: '0',
    DATA_DIR: setting('TEST_DATA_DIR'),
    DATABASE_URL: first.database.applicationUrl,
    DATABASE_OWNER_URL: first.database.ownerUrl,
    RATE_LIMIT_PER_MINUTE: 'off',
  };
  const start = async (): Promise<Gateway> => {
    const { url } = await startProcess(settings);
    return { ...first, ...(await clientOf(url, (user) => first.token(user))) };
  };
  return { gateways: [await start(), await start()], close: stopAll };
}

/** SQL that gives Acme another policy, in force at once. */
export function newPolicy(document: Readonly<Record<string, unknown>>): string {
  return `WITH added AS (INSERT INTO approval_policies (organization_id, version, document)
      SELECT id, policy_version + 1, '${JSON.stringify(document)}' FROM organizations WHERE id = 1 RETURNING version)
    UPDATE organizations SET policy_version = version FROM added WHERE id = 1`;
}

export const decideOverRest: Decide = async (through, user, verdict, ids) => {
  const isBulk = typeof ids !== 'number';
  const path = isBulk ? `bulk-${verdict}` : `${String(ids)}/${verdict}`;
  const body = isBulk ? { action_ids: ids } : {};
  const answer = await through.rest('POST', `/api/v1/actions/${path}`, { user, body });
  const { results } = answer.body as { results?: RestItem[] };
  return (isBulk ? (results ?? refusedAll(ids, answer.body)) : [answer.body as RestItem]).map((item) => {
    const { action_id: actionId = Number(ids), error_code: code = null, context } = item;
    const told = {
      status: context?.current_status ?? String(item.status),
      by: context?.decided_by ?? item.approved_by ?? item.rejected_by ?? 0,
      at: context?.decided_at ?? item.approved_at ?? item.rejected_at ?? '',
    };
    return { actionId, user, verdict, code, told };
  });
};

export const decideOverGraphql: Decide = async (through, user, verdict, ids) => {
  const isBulk = typeof ids !== 'number';
  const fields = 'status decidedAt decidedBy { id }';
  const query = isBulk
    ? `mutation ($ids: [ID!]!) { done: bulk${verdict === 'approve' ? 'Approve' : 'Reject'}Actions(actionIds: $ids) {
         results { actionId decision { ${fields} } refusal { code currentStatus decidedBy decidedAt } } } }`
    : `mutation ($ids: ID!) { done: ${verdict}Action(actionId: $ids) { ${fields} } }`;
  const answer = (await through.graphql(query, { user, variables: { ids } })).body as GraphqlAnswer;
  const { data = null, errors: [error] = [] } = answer;
  const all = isBulk ? ids : [ids];
  const results = isBulk ? data?.done?.results : data?.done && [{ actionId: ids, decision: data.done }];
  const items: GraphqlItem[] =
    results ?? all.map((actionId) => ({ actionId, refusal: error?.extensions ?? null }));
  return items.map(({ actionId, decision = null, refusal = null }) => {
    const told = {
      status: (decision?.status ?? refusal?.currentStatus ?? '').toLowerCase(),
      by: Number(decision?.decidedBy?.id ?? refusal?.decidedBy ?? 0),
      at: decision?.decidedAt ?? refusal?.decidedAt ?? '',
    };
    return { actionId: Number(actionId), user, verdict, code: refusal?.code ?? null, told };
  });
};

/** Both APIs, for a test to take turns. */
export const APIS: readonly (readonly [name: string, decide: Decide])[] = [
  ['REST', decideOverRest],
  ['GraphQL', decideOverGraphql],
];

interface RestItem {
  readonly action_id?: number;
  readonly status: string | number;
  readonly approved_by?: number;
  readonly approved_at?: string;
  readonly rejected_by?: number;
  readonly rejected_at?: string;
  readonly error_code?: string;
  readonly context?: { current_status?: string; decided_by?: number; decided_at?: string };
}

interface GraphqlDecision {
  readonly status?: string;
  readonly decidedAt?: string;
  readonly decidedBy?: { readonly id: string };
}

interface GraphqlItem {
  readonly actionId: string | number;
  readonly decision?: GraphqlDecision | null;
  readonly refusal?: GraphqlRefusal | null;
}

interface GraphqlRefusal {
  readonly code: string;
  readonly currentStatus?: string | null;
  readonly decidedBy?: string | number | null;
  readonly decidedAt?: string | null;
}

interface GraphqlAnswer {
  readonly data?: { readonly done: (GraphqlDecision & { readonly results?: GraphqlItem[] }) | null } | null;
  readonly errors?: readonly { readonly extensions: GraphqlRefusal }[];
}

/** A bulk that was refused as a whole: the same refusal for each of its ids. */
function refusedAll(ids: readonly number[], body: unknown): RestItem[] {
  return ids.map((id) => ({ ...(body as RestItem), action_id: id }));
}
