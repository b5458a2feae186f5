import type { Action } from '../../domain/action';
import {
  auditActorOf,
  POLICY_ACTOR,
  type AuditEntryDraft,
  type RequestOrigin,
} from '../../domain/audit-entry';
import type { ApprovalPolicy } from '../../domain/policy';
import { submissionWarnings, type PeopleAlike, type PolicyWarning } from '../../domain/policy-warnings';
import type { Principal } from '../../domain/principal';
import { SCORING_SCOPE } from '../../domain/role';
import { RefusedError, type Refusal } from '../../domain/refusal';
import { riskLevelOf } from '../../domain/risk';
import {
  isAutoApproved,
  isDeceptive,
  scoreByEngine,
  scoreByRules,
  type RiskScoring,
} from '../../domain/risk-score';
import { idempotencyKeyOf, type IdempotencyKey } from '../../domain/idempotency';
import { indicatorWords, submissionHash, type Submission } from '../../domain/submission';
import { awaitRecord, outcomeOfRecord } from '../idempotency-record';
import { INVALID_TOKEN } from '../decisions/reviewer-now';
import type { NewAction, SubmissionRecord, SubmissionStore } from './submission-store';

export interface SubmissionRequest {
  readonly submitter: Principal;
  readonly submission: Submission;
  readonly origin: RequestOrigin;
  /** The client's own name for this request; null where it sent none. */
  readonly idempotencyKey: string | null;
}

/** The outcome of a submission, returned the first time and on every replay. */
export interface SubmissionResult {
  readonly actionId: number;
  readonly status: Action['status'];
  readonly scoring: RiskScoring;
  readonly submittedAt: Date;
  /** Null if the action never expires. */
  readonly expiresAt: Date | null;
  /** The action as stored; null for a replay. */
  readonly action: Action | null;
  readonly policyVersion: number;
  /** One sentence that explains the score and the status. */
  readonly reason: string;
  readonly correlationId: string;
  /** What stood in the way of a decision at submission. */
  readonly warnings: readonly PolicyWarning[];
}

export type SubmitAction = (request: SubmissionRequest) => Promise<SubmissionResult>;

/** Retry limit under constant policy change. */
const MAX_ROUNDS = 20;
const CHANGING: Refusal = {
  code: 'SERVICE_UNAVAILABLE',
  detail: 'The policy keeps changing while this is submitted; try again',
};
const INVALID_API_KEY: Refusal = { code: 'INVALID_API_KEY', detail: 'Invalid API key' };

/**
 * Submits an action. The score comes from the organization's rules, or from a key with the scoring scope. The action is
 * pending unless the policy approves its score automatically. If the policy changes before the write, the action is
 * scored again.
 * @throws {RefusedError} INSUFFICIENT_PERMISSIONS for a risk score from a caller who may not set one;
 * RATE_LIMIT_EXCEEDED where the submitter has too many pending actions; INVALID_TOKEN or INVALID_API_KEY where the
 * submitter is no longer active; SERVICE_UNAVAILABLE under constant policy change; IDEMPOTENCY_KEY_REUSED or
 * IDEMPOTENCY_CONFLICT
 */
export function makeSubmitAction(store: SubmissionStore): SubmitAction {
  return async (request) => {
    const { submitter, submission } = request;
    const idempotencyKey = keyOf(request);
    refuseScore(submitter, submission);
    const { id, others } = await store.prepare(submitter, submittersOf(submitter));
    let { policy } = submitter;
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const scoring = scoringOf(submission, policy);
      const draft = newAction(id, request, scoring, policy, idempotencyKey, others);
      const outcome = await store.add(draft);
      if (outcome.kind === 'gone')
        throw new RefusedError(submitter.kind === 'user' ? INVALID_TOKEN : INVALID_API_KEY);
      if (outcome.kind === 'full') throw new RefusedError(tooManyPending(submitter, outcome.most));
      if (outcome.kind === 'written') return resultOf(draft.outcome, outcome.action);
      if (outcome.kind !== 'stale' && idempotencyKey !== null) {
        const known = outcome.kind === 'known' ? outcome.known : await awaitRecord(store, idempotencyKey);
        return resultOf(outcomeOfRecord(known, idempotencyKey) as KnownSubmission, null);
      }
      policy = await store.policyNow(submitter);
    }
    throw new RefusedError(CHANGING);
  };
}

/**
 * Returns the users who count as submitters. They are excluded from deciding where the policy forbids deciding own
 * actions (docs/approval-policy.md#own-actions).
 */
function submittersOf(submitter: Principal): readonly number[] {
  if (submitter.policy.ownActionsAllowed) return [];
  if (submitter.kind === 'user') return [submitter.user.id];
  return submitter.createdById === null ? [submitter.ownerId] : [submitter.ownerId, submitter.createdById];
}

function tooManyPending(submitter: Principal, most: number): Refusal {
  const whose = submitter.kind === 'user' ? 'of yours' : 'of this API key';
  return {
    code: 'RATE_LIMIT_EXCEEDED',
    detail: `${String(most)} actions ${whose} are already pending; submit more once some of them are decided`,
  };
}

/** Agents never set the score themselves. Only the key of an evaluation engine may send one. */
function refuseScore(submitter: Principal, { riskScore }: Submission): void {
  if (riskScore === null) return;
  if (submitter.kind === 'api_key' && submitter.scopes.includes(SCORING_SCOPE)) return;
  throw new RefusedError({
    code: 'INSUFFICIENT_PERMISSIONS',
    detail: `A risk score is accepted only from an API key with the scope ${SCORING_SCOPE}; leave it out to have the action scored`,
  });
}

function scoringOf(submission: Submission, policy: ApprovalPolicy): RiskScoring {
  if (submission.riskScore !== null) return scoreByEngine(submission.riskScore);
  const riskIndicators = indicatorWords(submission.riskIndicators);
  return scoreByRules({ ...submission, riskIndicators }, policy);
}

function newAction(
  id: number,
  { submitter, submission, origin }: SubmissionRequest,
  scoring: RiskScoring,
  policy: ApprovalPolicy,
  idempotencyKey: IdempotencyKey | null,
  others: readonly PeopleAlike[],
): NewAction {
  const common = {
    organizationId: submitter.organizationId,
    origin,
    actionId: id,
    riskScore: scoring.score,
    policyVersion: policy.version,
  };
  const who =
    submitter.kind === 'user' ? `user ${String(submitter.user.id)}` : `API key ${String(submitter.apiKeyId)}`;
  const { agentId, actionType, toolName, targetSystem } = submission;
  const submitted: AuditEntryDraft = {
    ...common,
    actionType: 'action_submitted',
    actor: auditActorOf(submitter),
    details: `Action ${String(id)} submitted by ${who}`,
    data: {
      agent_id: agentId,
      action_type: actionType,
      tool_name: toolName,
      target_system: targetSystem,
      submission_sha256: submissionHash(submission),
      ...scoringRecord(scoring),
    },
  };
  const approved: AuditEntryDraft | null = isAutoApproved(scoring, policy)
    ? {
        ...common,
        actionType: 'action_approved',
        actor: POLICY_ACTOR,
        details: `Action ${String(id)} approved by policy version ${String(policy.version)}`,
        verdict: 'approve',
        reason: `Risk score ${String(scoring.score)} is below ${String(policy.autoApproveBelow)}, where policy version ${String(policy.version)} approves by itself`,
        data: scoringRecord(scoring),
      }
    : null;
  const outcome: SubmissionRecord = {
    action_id: id,
    status: approved === null ? 'pending_approval' : 'approved',
    scoring,
    policy_version: policy.version,
    reason: approved === null ? reasonToWait(scoring, submission) : (approved.reason ?? ''),
    correlation_id: origin.correlationId,
    warnings: approved === null ? submissionWarnings(scoring.score, policy, others) : [],
  };
  return {
    id,
    submitter,
    submission,
    riskScore: scoring.score,
    policyVersion: policy.version,
    timeToLive: policy.timeToLiveSeconds[riskLevelOf(scoring.score)],
    submitted,
    approved,
    idempotencyKey,
    outcome,
  };
}

/** The record as stored: the statement adds the times, UTC with milliseconds. */
interface KnownSubmission extends SubmissionRecord {
  readonly submitted_at: string;
  readonly expires_at: string | null;
}

/** Converts a record into a result. */
function resultOf(record: SubmissionRecord | KnownSubmission, action: Action | null): SubmissionResult {
  const times = 'submitted_at' in record ? record : null;
  const expiresAt = times?.expires_at ?? null;
  return {
    actionId: record.action_id,
    status: record.status,
    scoring: record.scoring,
    policyVersion: record.policy_version,
    reason: record.reason,
    correlationId: record.correlation_id,
    warnings: record.warnings ?? [],
    submittedAt: action?.submittedAt ?? new Date(times?.submitted_at ?? 0),
    expiresAt: action?.expiresAt ?? (expiresAt === null ? null : new Date(expiresAt)),
    action,
  };
}

/**
 * Returns the client's idempotency key; without one, for an API key, the correlation id that the client sent
 * (docs/rest-api.md#idempotency-keys). Null if there is neither.
 */
function keyOf({ submitter, submission, origin, idempotencyKey }: SubmissionRequest): IdempotencyKey | null {
  const asked = { ...submission };
  if (idempotencyKey !== null) return idempotencyKeyOf(submitter, 'key', idempotencyKey, asked);
  const correlation = submitter.kind === 'api_key' ? origin.clientCorrelationId : null;
  return correlation === null ? null : idempotencyKeyOf(submitter, 'correlation', correlation, asked);
}

function scoringRecord({ source, matched }: RiskScoring): Readonly<Record<string, unknown>> {
  return { risk_score_source: source, scoring_rule: matched?.position ?? null };
}

function reasonToWait({ score, source, matched }: RiskScoring, submission: Submission): string {
  const risk = `Risk score ${String(score)}`;
  if (source === 'default') {
    const why = isDeceptive(submission)
      ? 'its action type or tool mixes letters of different scripts or holds control characters'
      : 'no scoring rule matches';
    return `${risk}, since ${why}: a person has to decide`;
  }
  const by = matched === null ? 'the evaluation engine' : `scoring rule ${String(matched.position)}`;
  return `${risk} by ${by}: a person has to decide`;
}
