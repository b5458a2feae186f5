import type { PolicyRules } from '../domain/policy';
import { isAutoApproved } from '../domain/risk-score';
import type { Entry } from './entry';
import type { FaultKind } from './verification';
import type { PolicyVerification } from './verify-policies';

/** Checks decisions by policies against the submissions and against the rules of those policies. */
export class AutoApprovalVerification {
  /** Submissions with a score that their policy approves, until they are decided, which is at once: few at a time. */
  private readonly submissions = new Map<number, Entry>();

  /** @param isWhole whether every entry so far included its bytes; only then is every submission known */
  constructor(
    private readonly policies: PolicyVerification,
    private readonly isWhole: () => boolean,
  ) {}

  /** Remembers a submission that its policy approves. */
  addSubmission(entry: Entry): void {
    const autoApproveBelow = this.policies.rulesOf(entry.policy_version)?.autoApproveBelow ?? null;
    if (autoApproveBelow !== null && (entry.risk_score ?? Infinity) < autoApproveBelow)
      this.submissions.set(entry.action_id ?? 0, entry);
  }

  /**
   * Checks a policy's decision: an approval, at the moment of submission, of a score below the policy's threshold that
   * one of its rules or an evaluation engine set.
   */
  addDecision(entry: Entry, report: (kind: FaultKind, detail: string) => void): void {
    const { action_id: actionId, audit_id: auditId, policy_version: version } = entry;
    const submission = this.submissions.get(actionId ?? 0);
    this.submissions.delete(actionId ?? 0);
    if (entry.actor_kind !== 'policy') return;
    const rules = this.policies.rulesOf(version);
    const isWhole = this.isWhole();
    const isSubmittedSo = submission === undefined ? !isWhole : isOneMoment(submission, entry);
    const isInForce = !isWhole || this.policies.isInForce(version);
    if (rules !== undefined && isApprovedBy(rules, entry) && isSubmittedSo && isInForce) return;
    report(
      'APPROVED_WITHOUT_POLICY',
      `Entry ${String(auditId)} decides action ${String(actionId)} for policy version ${String(version)}, which does not approve it`,
    );
  }
}

function isApprovedBy(rules: PolicyRules, { action_type: type, risk_score: score, data }: Entry): boolean {
  if (type !== 'action_approved' || score === null) return false;
  const { risk_score_source: source, scoring_rule: position } = data ?? {};
  if (source === 'engine') return position === null && isAutoApproved({ score, source }, rules);
  const rule = rules.scoringRules[Number(position) - 1];
  return source === 'rule' && rule?.score === score && isAutoApproved({ score, source }, rules);
}

/** Returns whether both entries belong to one submission; they are written together. */
function isOneMoment(submission: Entry, approval: Entry): boolean {
  return (
    submission.timestamp === approval.timestamp &&
    submission.correlation_id === approval.correlation_id &&
    submission.policy_version === approval.policy_version &&
    submission.risk_score === approval.risk_score &&
    submission.data?.['risk_score_source'] === approval.data?.['risk_score_source'] &&
    submission.data?.['scoring_rule'] === approval.data?.['scoring_rule']
  );
}
