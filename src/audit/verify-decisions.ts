import { hash, randomBytes } from 'node:crypto';
import { riskLevelOf } from '../domain/risk';
import { scoreByRules } from '../domain/risk-score';
import { ActionTable, COMPARED, DECIDED, SUBMITTED, type ActionFacts } from './action-table';
import type { BundleAction } from './bundle';
import { bitsOf, isUndecided, scoreIn, stateOf } from './end-state';
import type { Entry } from './entry';
import type { Fault, FaultKind } from './verification';
import { AutoApprovalVerification } from './verify-auto-approvals';
import type { PolicyVerification } from './verify-policies';

/** The status of an action after each type of final entry. */
const FINAL: Readonly<Record<string, BundleAction['status']>> = {
  action_approved: 'approved',
  action_denied: 'denied',
  action_expired: 'expired',
};

/** The score of an action that no rule matches. */
const { score: UNMATCHED } = scoreByRules(
  { actionType: '', toolName: null, targetSystem: null, riskIndicators: [] },
  { scoringRules: [], autoApproveBelow: null },
);

type Report = (kind: FaultKind, detail: string) => void;

/**
 * Checks submissions, votes and final entries against each other, against the policy in force and against the actions:
 * one decision per action, decided if and only if audited, by enough reviewers of sufficient level.
 */
export class DecisionVerification {
  private readonly actions = new ActionTable();
  private readonly votes = new Map<number, number[]>();
  private readonly autoApprovals: AutoApprovalVerification;
  /** Random, so that nobody can search for two end states with the same digest. */
  private readonly salt = randomBytes(16).toString('hex');
  private withoutEntry = 0;

  /** @param isWhole whether every entry so far included its bytes; only then are all earlier entries known */
  constructor(
    private readonly policies: PolicyVerification,
    private readonly isWhole: () => boolean,
  ) {
    this.autoApprovals = new AutoApprovalVerification(policies, isWhole);
  }

  /** The number of pending actions without any entry. */
  get pendingWithoutEntry(): number {
    return this.withoutEntry;
  }

  /** Checks the next entry. */
  add(entry: Entry, report: Report): void {
    const { action_type: type } = entry;
    if (type === 'action_submitted') this.submit(entry, report);
    const status = FINAL[type];
    if (type !== 'vote_recorded' && status === undefined) return;
    const known = this.actions.get(entry.action_id ?? 0);
    const id = String(entry.action_id);
    if (known?.state === DECIDED)
      report('DECIDED_TWICE', `Action ${id} was decided by entry ${String(known.ref)} already`);
    if (known?.state === SUBMITTED && scoreIn(known) !== entry.risk_score)
      report(
        'SUBMISSION_DIFFERS',
        `Entry ${String(entry.audit_id)} decides action ${id} with a score that it was not submitted with`,
      );
    if (entry.actor_kind === 'user') this.checkReviewer(entry, known, report);
    if (type === 'action_expired') this.checkExpiry(entry, report);
    if (status === undefined) return;
    this.autoApprovals.addDecision(entry, report);
    const value = this.digestOf(status, entry);
    this.actions.set(entry.action_id ?? 0, { state: DECIDED, ref: entry.audit_id, value });
    this.votes.delete(entry.action_id ?? 0);
  }

  /** Checks an action's record against its entries. */
  checkAction(action: BundleAction, report: Report): void {
    const facts = this.actions.get(action.id);
    const votes = this.votes.get(action.id)?.length ?? 0;
    this.votes.delete(action.id);
    this.actions.set(action.id, { state: COMPARED, ref: 0, value: 0n });
    const id = String(action.id);
    const isPending = action.status === 'pending_approval';
    if (facts?.state !== DECIDED) {
      if (facts === undefined && votes === 0 && isPending) this.withoutEntry += 1;
      if (!isPending && this.isWhole())
        report('DECIDED_WITHOUT_AUDIT', `Action ${id} is ${action.status}, and no entry says so`);
      const isRight = isUndecided(action) && (action.approvals === votes || !this.isWhole());
      if (isPending && !isRight)
        report(
          'DECISION_DIFFERS',
          `Action ${id} differs from a pending action with ${String(votes)} approvals`,
        );
      return;
    }
    const entry = String(facts.ref);
    if (isPending)
      report('AUDITED_WITHOUT_DECISION', `Action ${id} is pending, although entry ${entry} decided it`);
    else if (facts.value !== this.digest(stateOf(action)))
      report('DECISION_DIFFERS', `Action ${id} differs from what entry ${entry} says`);
  }

  /** Reports what is missing. Call after the last action. */
  finish(report: (fault: Fault) => void): void {
    for (const { id: actionId, ref: auditId } of this.actions.inState(DECIDED)) {
      const detail = `Entry ${String(auditId)} decided action ${String(actionId)}, which is missing`;
      report({ kind: 'AUDITED_WITHOUT_DECISION', detail, actionId, auditId });
    }
    for (const { id } of this.actions.inState(SUBMITTED)) report(missing(id, 'submitted'));
    for (const id of this.votes.keys())
      if (this.actions.get(id)?.state !== SUBMITTED) report(missing(id, 'voted on'));
  }

  private submit(entry: Entry, report: Report): void {
    const { action_id: actionId, actor_id: actor, on_behalf_of: owner, risk_score: score } = entry;
    if (this.actions.get(actionId ?? 0) !== undefined || this.votes.has(actionId ?? 0))
      report(
        'SUBMISSION_DIFFERS',
        `Action ${String(actionId)} occurs before entry ${String(entry.audit_id)} submits it`,
      );
    this.checkInForce(entry, report);
    if (!this.isScoreOf(entry))
      report(
        'SUBMISSION_DIFFERS',
        `Entry ${String(entry.audit_id)} submits action ${String(actionId)} with a score that policy version ${String(entry.policy_version)} does not give it`,
      );
    this.autoApprovals.addSubmission(entry);
    this.actions.set(actionId ?? 0, {
      state: SUBMITTED,
      ref: owner ?? actor ?? 0,
      value: bitsOf(score ?? NaN),
    });
  }

  /** Returns whether a score has the source that the entry names. */
  private isScoreOf({ risk_score: score, policy_version: version, data }: Entry): boolean {
    const { risk_score_source: source, scoring_rule: place } = data ?? {};
    if (source !== 'rule') return place === null && (source === 'engine' || score === UNMATCHED);
    return this.policies.rulesOf(version)?.scoringRules[Number(place) - 1]?.score === score;
  }

  /** Checks what applies to every vote and verdict of a reviewer. */
  private checkReviewer(entry: Entry, known: ActionFacts | undefined, report: Report): void {
    this.checkInForce(entry, report);
    this.checkAuthority(entry, report);
    const { action_id: actionId, actor_id: actor, risk_score: score, data } = entry;
    const rules = this.policies.rulesOf(entry.policy_version);
    if (known?.state === SUBMITTED && known.ref === actor && rules?.ownActionsAllowed === false)
      report('OWN_ACTION', `User ${String(actor)} decides action ${String(actionId)}, which they submitted`);
    const limit = data?.['risk_limit'] ?? null;
    if (typeof limit === 'number' && (score ?? Infinity) > limit)
      report('LEVEL_TOO_LOW', `Entry ${String(entry.audit_id)} decides above the limit of ${String(limit)}`);
    this.count(entry, report);
  }

  /** Counts an approval and compares the result with the entry's own count. */
  private count(entry: Entry, report: Report): void {
    const {
      action_id: actionId,
      actor_id: actor,
      approvals_received: received,
      approvals_required: required,
    } = entry;
    const voters = this.votes.get(actionId ?? 0) ?? [];
    const hasVoted = voters.includes(actor ?? 0);
    if (entry.verdict === 'approve' && !hasVoted) this.votes.set(actionId ?? 0, [...voters, actor ?? 0]);
    const counted = this.votes.get(actionId ?? 0)?.length ?? 0;
    // A reviewer who voted may confirm an action whose quorum is met already: changing a policy approves nothing.
    const hadEnough = !this.isWhole() || voters.length >= (required ?? Infinity);
    const isConfirmation = entry.action_type === 'action_approved' && hadEnough;
    if (entry.verdict === 'approve' && hasVoted && !isConfirmation)
      report('VOTED_TWICE', `User ${String(actor)} approved action ${String(actionId)} twice`);
    const isCounted = !this.isWhole() || received === counted;
    // With a met quorum the entry has to be an approval, without one a vote. A denial needs no quorum.
    const isEnough = (received ?? 0) >= (required ?? Infinity);
    const isRight = entry.verdict === 'reject' || isEnough === (entry.action_type === 'action_approved');
    if (!isCounted || !isRight)
      report(
        'QUORUM_NOT_MET',
        `Entry ${String(entry.audit_id)} counts ${String(received)} of ${String(required)} approvals, but the audit log has ${String(counted)}`,
      );
  }

  private checkExpiry(
    { audit_id: auditId, action_id: actionId, timestamp, approvals_received: received, data }: Entry,
    report: Report,
  ): void {
    if (Date.parse(String(data?.['expires_at'])) > Date.parse(timestamp))
      report('INVALID_ENTRY', `Entry ${String(auditId)} expires action ${String(actionId)} before it is due`);
    const counted = this.votes.get(actionId ?? 0)?.length ?? 0;
    if (this.isWhole() && received !== counted)
      report(
        'QUORUM_NOT_MET',
        `Entry ${String(auditId)} counts ${String(received)} approvals, but the audit log has ${String(counted)}`,
      );
  }

  private checkInForce({ audit_id: auditId, policy_version: version }: Entry, report: Report): void {
    if (this.isWhole() && !this.policies.isInForce(version))
      report(
        'POLICY_NOT_IN_FORCE',
        `Entry ${String(auditId)} names policy version ${String(version)}, which was not in force`,
      );
  }

  /** Checks that the level suffices, both by the entry's own account and by the policy that it names. */
  private checkAuthority(entry: Entry, report: Report): void {
    const { required_level: required, held_level: held, risk_score: score, policy_version: version } = entry;
    const rules = this.policies.rulesOf(version);
    const at = `Entry ${String(entry.audit_id)}`;
    if (rules === undefined || score === null) {
      report('POLICY_DIFFERS', `${at} names policy version ${String(version)}, which is missing`);
      return;
    }
    const level = rules.approvalLevels ? rules.requiredLevels[riskLevelOf(score)] : null;
    if (required !== level || (level === null) !== (held === null))
      report(
        'POLICY_DIFFERS',
        `${at} required level ${String(required)}, but the policy requires ${String(level)}`,
      );
    if (level !== null && (held ?? -1) < level)
      report('LEVEL_TOO_LOW', `${at} decides at level ${String(held)} what requires level ${String(level)}`);
    if (entry.approvals_required !== rules.quorum[riskLevelOf(score)])
      report(
        'POLICY_DIFFERS',
        `${at} required ${String(entry.approvals_required)} approvals, but the policy requires another number`,
      );
  }

  private digestOf(status: BundleAction['status'], entry: Entry): bigint {
    const { actor_kind: kind, actor_id: by, timestamp, correlation_id: correlationId } = entry;
    const approvals = entry.approvals_received ?? 0;
    const decided = status === 'expired' ? [null, null, null, null] : [kind, by, timestamp, correlationId];
    return this.digest([status, ...decided, approvals]);
  }

  private digest(state: readonly unknown[]): bigint {
    return hash('sha256', this.salt + JSON.stringify(state), 'buffer').readBigUInt64LE();
  }
}

function missing(actionId: number, what: string): Fault {
  return {
    kind: 'ACTION_MISSING',
    detail: `Action ${String(actionId)} was ${what}, but is missing`,
    actionId,
  };
}
