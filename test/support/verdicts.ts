import { askBulk } from './bulk';
import { inRestWords, outcomeOf, type Api, type Outcome, type Verdict } from './apis';
import type { Answer, Gateway, RequestOptions } from './gateway';

/** An API, and whether a verdict is given through it on one action or in bulk. */
export type Way = Api | `${Api} bulk`;

export interface Given {
  readonly way: Way;
  readonly verdict: Verdict;
  /** Null for none. */
  readonly reason: string | null;
  /** What the request contains. */
  readonly credential: Pick<RequestOptions, 'user' | 'apiKey'>;
  readonly ids: readonly number[];
}

/** The answer about one action, in REST's words. */
export interface Told {
  readonly id: number;
  /** The status of the HTTP answer. */
  readonly http: number;
  readonly refusal: Pick<Outcome, 'code' | 'status' | 'detail' | 'facts'> | null;
  readonly decision: ToldDecision | null;
}

/** What a decision did. Absent facts are null. */
interface ToldDecision {
  readonly status: string;
  readonly by: number | null;
  /** Approvals. */
  readonly received: number | null;
  readonly required: number | null;
}

type Json = Readonly<Record<string, any>>;

/** Gives a verdict and reads the answer about each action. */
export async function give(gateway: Gateway, given: Given): Promise<Told[]> {
  const [api, bulk] = given.way.split(' ') as [Api, 'bulk'?];
  const answer = await (bulk === undefined ? giveOne(gateway, api, given) : giveBulk(gateway, api, given));
  const { status: http, body } = answer;
  const { code, status, detail, facts } = outcomeOf(answer);
  // A bulk that is refused as a whole is refused for each of its actions.
  if (code !== null)
    return given.ids.map((id) => ({ id, http, refusal: { code, status, detail, facts }, decision: null }));
  if (bulk === undefined)
    return given.ids.map((id) => ({
      id,
      http,
      refusal: null,
      decision: decisionIn(body.data?.decision ?? body),
    }));
  const items: Json[] = body.results ?? body.data.bulk.results;
  return items.map((item) => ({ http, ...(api === 'rest' ? restItem(item) : graphqlItem(item)) }));
}

function giveOne(gateway: Gateway, api: Api, { verdict, reason, credential, ids }: Given): Promise<Answer> {
  const [id] = ids;
  if (api === 'rest') {
    const body = reason === null ? {} : { body: { reason } };
    return gateway.rest('POST', `/api/v1/actions/${String(id)}/${verdict}`, { ...credential, ...body });
  }
  const query = `mutation ($id: ID!, $reason: String) { decision: ${verdict}Action(actionId: $id, reason: $reason) {
    status decidedBy { id } approvalsReceived approvalsRequired } }`;
  return gateway.graphql(query, { ...credential, variables: { id, reason } });
}

function giveBulk(gateway: Gateway, api: Api, { verdict, reason, credential, ids }: Given): Promise<Answer> {
  return askBulk(gateway, api, verdict, ids, { ...credential, ...(reason !== null && { reason }) });
}

function restItem(item: Json): Omit<Told, 'http'> {
  const { action_id: id, error_code: code, status, detail, context } = item;
  if (code === undefined) return { id, refusal: null, decision: decisionIn(item) };
  return { id, refusal: { code, status, detail, facts: context ?? {} }, decision: null };
}

function graphqlItem({ actionId, refusal, decision }: Json): Omit<Told, 'http'> {
  const id = Number(actionId);
  if (refusal === null) return { id, refusal: null, decision: decisionIn(decision) };
  const { code, status, detail, ...facts } = refusal;
  return { id, refusal: { code, status, detail, facts: withoutNulls(inRestWords(facts)) }, decision: null };
}

/** A bulk over GraphQL has a field for every fact, null where a code does not use it. */
export function withoutNulls(facts: Json): Json {
  return Object.fromEntries(Object.entries(facts).filter(([, fact]) => fact !== null));
}

/** A decision in either API's words. */
function decisionIn(decision: Json): ToldDecision {
  const { status, approved_by, rejected_by, approvals_received, approvals_required } = inRestWords(decision);
  return {
    status: String(status),
    by: Number(decision['decidedBy']?.id ?? approved_by ?? rejected_by ?? 0) || null,
    received: (approvals_received as number | undefined) ?? null,
    required: (approvals_required as number | undefined) ?? null,
  };
}
