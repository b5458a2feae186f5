import type { Action } from '../../domain/action';
import type { IdempotencyRecord } from '../../domain/idempotency';
import type { Principal } from '../../domain/principal';
import type { NewAction, SubmissionOutcome } from '../../use-cases/submissions/submission-store';
import { placedAuditRecords, type PlacedDraft } from '../audit/audit-entries';
import type { OnLocked } from '../decisions/decide.statement';
import type { Claim } from '../decisions/idempotency-records.store';
import type { Sql } from '../sql/sql';
import { SUBMIT } from './submit.statement';

/** A new action with its content as the statement reads it. */
export interface WrittenAction {
  readonly action: NewAction;
  /** JSON text. */
  readonly content: string;
}

interface SubmitRow {
  readonly actionId: number;
  /** Null where the submission has no idempotency key. */
  readonly claim: Claim | null;
  /** The row of the organization, the person or the key does not exist, or is locked by another transaction. */
  readonly isAbsent: boolean | null;
  readonly isKnown: boolean | null;
  readonly isSamePolicy: boolean | null;
  readonly isAdded: boolean;
  readonly at: Date;
  readonly expiresAt: Date | null;
  /** The record of a used idempotency key. */
  readonly known: IdempotencyRecord | null;
}

/**
 * Stores submissions in one statement.
 * @param actions one or more, all of one organization
 * @param mostPending limit of pending actions per submitter; null for no limit
 * @returns one outcome per action, in their order; null where rows that it depends on were locked
 */
export async function submit(
  sql: Sql,
  actions: readonly WrittenAction[],
  mostPending: number | null,
  onLocked: OnLocked,
): Promise<readonly (SubmissionOutcome | null)[]> {
  const given = actions.map(({ action }) => action);
  const values = [
    given[0]?.submitter.organizationId,
    [...new Set(given.map(submittingUser))],
    [...new Set(given.map(submittingKey))].filter((id) => id !== null),
    JSON.stringify(given.map(recordOf)),
    `[${actions.map(({ content }) => content).join(',')}]`,
    placedAuditRecords(given.flatMap(entriesOf)),
    mostPending,
  ];
  const rows = await sql.query<SubmitRow & Record<string, unknown>>(SUBMIT[onLocked], values);
  return given.map((action, index) => {
    const row = rows[index];
    if (row?.actionId !== action.id) throw new Error('The statement gave no row for a submission');
    return row.isAbsent === true && onLocked === 'skip' ? null : outcomeOf(action, row, mostPending);
  });
}

/** Returns an action's content as the statement reads it. */
export function written(action: NewAction): WrittenAction {
  const { id, submitter, submission, riskScore, timeToLive, approved } = action;
  const content = JSON.stringify({
    id,
    agent_id: submission.agentId,
    agent_name: submission.agentName,
    action_type: submission.actionType,
    description: submission.description,
    tool_name: submission.toolName,
    target_system: submission.targetSystem,
    target_resource: submission.targetResource,
    parameters: submission.parameters,
    context: submission.context,
    risk_indicators: submission.riskIndicators,
    risk_score: riskScore,
    status: approved === null ? 'pending_approval' : 'approved',
    api_key_created_by: keyCreator(submitter),
    decided_by_kind: approved === null ? null : 'policy',
    reason: approved?.reason ?? null,
    correlation_id: approved?.origin.correlationId ?? null,
    time_to_live: timeToLive,
  });
  return { action, content };
}

/** Returns what the statement has to know of a submission before it reads its content. */
function recordOf(action: NewAction, position: number): Readonly<Record<string, unknown>> {
  const { id, submitter, policyVersion, approved, idempotencyKey, outcome } = action;
  return {
    position,
    action_id: id,
    user_id: submittingUser(action),
    key_id: submittingKey(action),
    policy_version: policyVersion,
    is_pending: approved === null,
    principal_kind: submitter.kind,
    principal_id: submitter.kind === 'user' ? submitter.user.id : submitter.apiKeyId,
    ...(idempotencyKey !== null && {
      retry_key: idempotencyKey.key,
      retry_hash: idempotencyKey.requestHash,
      outcome,
    }),
  };
}

/** Returns the entries of a submission, at the positions that the statement chooses from. */
function entriesOf({ submitted, approved }: NewAction, position: number): readonly PlacedDraft[] {
  const entry = { position: 2 * position, draft: submitted };
  return approved === null ? [entry] : [entry, { position: 2 * position + 1, draft: approved }];
}

/** Turns a row into the outcome of its submission. */
function outcomeOf(action: NewAction, row: SubmitRow, mostPending: number | null): SubmissionOutcome {
  if (row.claim === 'busy') return { kind: 'busy' };
  if (row.claim === 'used' && row.known !== null) return { kind: 'known', known: row.known };
  // Unknown too: an operator's own SQL can have deleted the person.
  if (row.isKnown !== true) return { kind: 'gone' };
  if (row.isAdded) return { kind: 'written', action: actionOf(action, row) };
  // Under the same policy, only the limit is left as a reason.
  return row.isSamePolicy === true && mostPending !== null
    ? { kind: 'full', most: mostPending }
    : { kind: 'stale' };
}

function submittingUser({ submitter }: NewAction): number {
  return submitter.kind === 'user' ? submitter.user.id : submitter.ownerId;
}

function submittingKey({ submitter }: NewAction): number | null {
  return submitter.kind === 'api_key' ? submitter.apiKeyId : null;
}

function keyCreator(submitter: Principal): number | null {
  return submitter.kind === 'api_key' ? submitter.createdById : null;
}

/** Returns the action as the statement stored it. */
function actionOf(added: NewAction, { at, expiresAt }: SubmitRow): Action {
  const { id, submitter, submission, riskScore, approved } = added;
  const isApproved = approved !== null;
  return {
    ...submission,
    organizationId: submitter.organizationId,
    id,
    riskScore,
    status: isApproved ? 'approved' : 'pending_approval',
    version: 1,
    approvals: 0,
    submittedById: submittingUser(added),
    submittedByApiKeyId: submittingKey(added),
    apiKeyCreatedById: keyCreator(submitter),
    submittedAt: at,
    updatedAt: at,
    expiresAt,
    decidedByKind: isApproved ? 'policy' : null,
    decidedById: null,
    decidedAt: isApproved ? at : null,
    reason: approved?.reason ?? null,
    correlationId: approved?.origin.correlationId ?? null,
  };
}
