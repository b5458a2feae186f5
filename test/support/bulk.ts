import { inRestWords, outcomeOf, type Api, type Verdict } from './apis';
import type { Answer, Gateway, RequestOptions } from './gateway';

/** How a bulk is requested; absent members are not sent. */
export interface BulkOptions extends RequestOptions {
  readonly mode?: 'atomic' | 'best_effort';
  readonly reason?: string;
}

/** The outcome of one id, in one shape for both APIs: REST's words. */
export interface BulkItem {
  readonly id: number;
  /** Why it was refused; null where it was not. */
  readonly code: string | null;
  /** The action's new status, or the HTTP status of the refusal. */
  readonly status: string | number;
  readonly detail: string | null;
  /** Who decided it and when, or the facts of the refusal, without those that are null. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** The answer to a bulk, in one shape for both APIs. */
export interface Bulk {
  /** The refusal of the whole request, where there is nothing else; otherwise null. */
  readonly refusal: string | null;
  readonly requested: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly correlationId: string;
  readonly items: readonly BulkItem[];
}

const DECISION =
  'actionId status verdict decidedBy { id } decidedAt reason correlationId approvalsReceived approvalsRequired';
const REFUSAL = `code status detail currentStatus decidedBy decidedAt requiredLevel heldLevel riskScore riskLimit heldRole
  requiredRoles submittedBy riskLevel approvalsReceived approvalsRequired`;

/** Asks for a bulk through an API. */
export function askBulk(
  gateway: Gateway,
  api: Api,
  verdict: Verdict,
  ids: readonly number[],
  { mode, reason, ...request }: BulkOptions,
): Promise<Answer> {
  if (api === 'rest') {
    const body = { action_ids: ids, ...(reason !== undefined && { reason }), ...(mode && { mode }) };
    return gateway.rest('POST', `/api/v1/actions/bulk-${verdict}`, { ...request, body });
  }
  const field = verdict === 'approve' ? 'bulkApproveActions' : 'bulkRejectActions';
  const asked = mode === undefined ? '' : `, mode: ${mode.toUpperCase()}`;
  const query = `mutation ($ids: [ID!]!, $reason: String) { bulk: ${field}(actionIds: $ids, reason: $reason${asked}) {
    verdict mode requested succeeded failed correlationId
    results { actionId decision { ${DECISION} } refusal { ${REFUSAL} } } } }`;
  return gateway.graphql(query, { ...request, variables: { ids, ...(reason !== undefined && { reason }) } });
}

/** Asks for a bulk through an API and reads the answer. */
export async function decideBulk(...asked: Parameters<typeof askBulk>): Promise<Bulk> {
  return readBulk(await askBulk(...asked));
}

/** An answer of either API in the common shape. */
export function readBulk(answer: Answer): Bulk {
  const { data, errors, results, ...body } = answer.body;
  if (errors || !(data || results))
    return {
      refusal: outcomeOf(answer).code,
      requested: 0,
      succeeded: 0,
      failed: 0,
      correlationId: '',
      items: [],
    };
  const { requested, succeeded, failed } = data?.bulk ?? body;
  const correlationId = data?.bulk.correlationId ?? body.correlation_id;
  const items = data ? data.bulk.results.map(itemOfGraphql) : results.map(itemOfRest);
  return { refusal: null, requested, succeeded, failed, correlationId, items };
}

/** What a bulk did to each action: its code, or its status now. */
export function outcomesOf({ items }: Bulk): (string | number)[] {
  return items.map(({ code, status }) => code ?? status);
}

function itemOfRest(item: Record<string, any>): BulkItem {
  const { action_id: id, status, error_code: code, detail, context, ...facts } = item;
  if (code === undefined) return { id, code: null, status, detail: null, facts };
  return { id, code, status, detail, facts: withoutNulls(context ?? {}) };
}

function itemOfGraphql({ actionId, decision, refusal }: Record<string, any>): BulkItem {
  const id = Number(actionId);
  if (refusal) {
    const { code, status, detail, ...facts } = inRestWords(refusal);
    return { id, code, status, detail, facts: withoutNulls(facts) } as BulkItem;
  }
  const { status, decided_at, reason, correlation_id, ...words } = inRestWords(decision);
  const by = decision.verdict === 'APPROVE' ? 'approved' : 'rejected';
  const { approvals_received, approvals_required } = words;
  const facts =
    decision.status === 'PENDING_APPROVAL'
      ? { approvals_received, approvals_required }
      : {
          [`${by}_by`]: Number(decision.decidedBy.id),
          [`${by}_at`]: decided_at,
          ...(by === 'rejected' && reason !== null && { reason }),
        };
  return { id, code: null, status: String(status), detail: null, facts: { ...facts, correlation_id } };
}

function withoutNulls(facts: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(facts).filter(([, fact]) => fact !== null));
}
