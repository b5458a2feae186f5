import { riskLevelOf } from '../domain/risk';
import type { BundleAction, BundlePolicy } from './bundle';
import { parseEntry, type Entry } from './entry';
import { IdSet } from './id-set';
import type { Fault, FaultKind } from './verification';
import { AutoApprovalVerification } from './verify-auto-approvals';
import { PolicyVerification } from './verify-policies';

/** Where an entry stands, and its text. */
export interface PlacedEntry {
  readonly audit_id: number;
  readonly leafIndex?: number;
  readonly canonical: string;
  readonly altered?: readonly string[];
}

/** What a final entry makes of an action, and no more of it: one is kept for every action that was decided. */
interface Final {
  readonly auditId: number;
  readonly status: 'approved' | 'denied' | 'expired';
  readonly actorKind: string;
  readonly decidedBy: number | null;
  readonly decidedAt: string;
  readonly correlationId: string;
  readonly approvals: number | null;
}

/** What each kind of entry makes of an action. */
const FINAL: Readonly<Record<string, Final['status']>> = {
  action_approved: 'approved',
  action_denied: 'denied',
  action_expired: 'expired',
};

/** How much earlier than the latest one before it an entry may claim to be, in milliseconds: clocks are set back a little. */
const CLOCK_TOLERANCE = 5 * 60_000;

/**
 * Holds the entries against themselves, the policies and the actions: one decision per action, decided if and only if
 * audited, by enough people of a sufficient level. Takes entries in the order of the log, then actions.
 */
export class EntryVerification {
  private readonly seen = new IdSet();
  private readonly finals = new Map<number, Final>();
  private readonly votes = new Map<number, Set<number>>();
  private readonly policies: PolicyVerification;
  private readonly autoApprovals: AutoApprovalVerification;
  private latest = 0;

  /** @param isWhole whether every entry will come: only then is what they add up to compared */
  constructor(
    private readonly organizationId: number,
    private readonly isWhole: boolean,
    private readonly report: (fault: Fault) => void,
  ) {
    this.policies = new PolicyVerification(report);
    this.autoApprovals = new AutoApprovalVerification(this.policies, isWhole, report);
  }

  addPolicy(policy: BundlePolicy): void {
    this.policies.add(policy);
  }

  add(placed: PlacedEntry): void {
    const { audit_id: auditId, canonical, altered, leafIndex } = placed;
    const at = { auditId, ...(leafIndex !== undefined && { leafIndex }) };
    const fault = (kind: FaultKind, detail: string): void => {
      this.report({ kind, detail, ...at });
    };
    if (!this.seen.add(auditId)) fault('DUPLICATE_ENTRY', `Audit entry ${String(auditId)} is there twice`);
    if (altered !== undefined)
      fault(
        'ROW_ALTERED',
        `The row of audit entry ${String(auditId)} does not say what its bytes say: ${altered.join(', ')}`,
      );
    const entry = parseEntry(canonical);
    if (entry === null) {
      fault('NOT_CANONICAL', `The bytes of audit entry ${String(auditId)} are not in canonical form`);
      return;
    }
    if (entry.audit_id !== auditId)
      fault(
        'WRONG_ENTRY',
        `The bytes of audit entry ${String(auditId)} are those of ${String(entry.audit_id)}`,
      );
    if (entry.organization_id !== this.organizationId) {
      fault(
        'OTHER_ORGANIZATION',
        `Audit entry ${String(auditId)} is of organization ${String(entry.organization_id)}`,
      );
      return;
    }
    this.checkTime(entry, fault);
    if (entry.action_type === 'policy_changed' && this.isWhole) this.policies.replay(entry);
    if (entry.action_type === 'vote_recorded') this.countVote(entry, fault);
    if (entry.action_type === 'action_submitted') this.autoApprovals.addSubmission(entry);
    const status = FINAL[entry.action_type];
    if (status !== undefined) this.decide(entry, status, fault);
  }

  /** Holds an action's end-state against what was audited of it. */
  checkAction(action: BundleAction): void {
    const final = this.finals.get(action.id);
    this.finals.delete(action.id);
    const fault = (kind: FaultKind, detail: string): void => {
      this.report({ kind, detail, actionId: action.id });
    };
    const id = String(action.id);
    if (final === undefined) {
      if (action.status !== 'pending_approval')
        fault('DECIDED_WITHOUT_AUDIT', `Action ${id} is ${action.status}, and no entry says so`);
      const votes = this.votes.get(action.id)?.size ?? 0;
      if (action.status === 'pending_approval' && action.approvals !== votes)
        fault(
          'DECISION_DIFFERS',
          `Action ${id} counts ${String(action.approvals)} approvals, audited are ${String(votes)}`,
        );
      return;
    }
    if (action.status === 'pending_approval') {
      fault(
        'AUDITED_WITHOUT_DECISION',
        `Action ${id} is pending, and entry ${String(final.auditId)} decided it`,
      );
      return;
    }
    const agrees =
      final.status === action.status &&
      (final.status === 'expired' ||
        (action.decided_by_kind === final.actorKind &&
          action.decided_by === final.decidedBy &&
          action.decided_at === final.decidedAt &&
          action.correlation_id === final.correlationId)) &&
      action.approvals === (final.approvals ?? action.approvals);
    if (!agrees)
      fault('DECISION_DIFFERS', `Action ${id} does not stand as entry ${String(final.auditId)} left it`);
  }

  /** To be called behind the last action. */
  finish(): void {
    for (const [actionId, { auditId }] of this.finals)
      this.report({
        kind: 'AUDITED_WITHOUT_DECISION',
        detail: `Entry ${String(auditId)} decided action ${String(actionId)}, which is not there`,
        actionId,
        auditId,
      });
    this.policies.finish();
  }

  private checkTime(entry: Entry, fault: (kind: FaultKind, detail: string) => void): void {
    const time = Date.parse(entry.timestamp);
    if (!(time >= this.latest - CLOCK_TOLERANCE))
      fault(
        'BACK_DATED',
        `Audit entry ${String(entry.audit_id)} claims to be of ${entry.timestamp}, and later ones come before it`,
      );
    this.latest = Math.max(this.latest, time);
  }

  private countVote(entry: Entry, fault: (kind: FaultKind, detail: string) => void): void {
    this.checkAuthority(entry, fault);
    const count = this.vote(entry, fault);
    if (this.isWhole && entry.approvals_received !== count)
      fault(
        'QUORUM_NOT_MET',
        `Entry ${String(entry.audit_id)} counts ${String(entry.approvals_received)} approvals, audited are ${String(count)}`,
      );
  }

  private decide(
    entry: Entry,
    status: Final['status'],
    fault: (kind: FaultKind, detail: string) => void,
  ): void {
    const actionId = entry.action_id ?? 0;
    const earlier = this.finals.get(actionId);
    if (earlier !== undefined)
      fault(
        'DECIDED_TWICE',
        `Action ${String(actionId)} was decided by entry ${String(earlier.auditId)} already`,
      );
    this.finals.set(actionId, finalOf(entry, status));
    this.autoApprovals.addDecision(entry);
    if (entry.actor_kind === 'user') {
      this.checkAuthority(entry, fault);
      if (status === 'approved') {
        const count = this.vote(entry, fault);
        const { approvals_received: received, approvals_required: required } = entry;
        if ((this.isWhole && received !== count) || (received ?? 0) < (required ?? Infinity))
          fault(
            'QUORUM_NOT_MET',
            `Entry ${String(entry.audit_id)} approves with ${String(received)} of ${String(required)} approvals, audited are ${String(count)}`,
          );
      }
    }
    this.votes.delete(actionId);
  }

  /**
   * Counts an approval; returns how many distinct people have approved. Whoever has approved may do so again only to
   * decide what has the approvals that a lowered quorum asks for.
   */
  private vote(entry: Entry, fault: (kind: FaultKind, detail: string) => void): number {
    const actionId = entry.action_id ?? 0;
    const voters = this.votes.get(actionId) ?? new Set();
    const isMet = !this.isWhole || voters.size >= (entry.approvals_required ?? Infinity);
    const mayConfirm = entry.action_type === 'action_approved' && isMet;
    if (voters.has(entry.actor_id ?? 0) && !mayConfirm)
      fault('VOTED_TWICE', `User ${String(entry.actor_id)} approved action ${String(actionId)} twice`);
    voters.add(entry.actor_id ?? 0);
    this.votes.set(actionId, voters);
    return voters.size;
  }

  /** The level has to suffice, by the entry's own account and by the policy that it names. */
  private checkAuthority(entry: Entry, fault: (kind: FaultKind, detail: string) => void): void {
    const { required_level: required, held_level: held, risk_score: score, policy_version: version } = entry;
    const rules = this.policies.rulesOf(version);
    if (rules === undefined || score === null) {
      fault(
        'POLICY_DIFFERS',
        `Entry ${String(entry.audit_id)} names policy version ${String(version)}, which is not there`,
      );
      return;
    }
    const level = rules.approvalLevels ? rules.requiredLevels[riskLevelOf(score)] : null;
    if (required !== level)
      fault(
        'POLICY_DIFFERS',
        `Entry ${String(entry.audit_id)} asked for level ${String(required)}, the policy for ${String(level)}`,
      );
    if (level !== null && (held ?? -1) < level)
      fault(
        'LEVEL_TOO_LOW',
        `Entry ${String(entry.audit_id)} decides at level ${String(held)} what takes level ${String(level)}`,
      );
    if (entry.approvals_required !== rules.quorum[riskLevelOf(score)])
      fault(
        'POLICY_DIFFERS',
        `Entry ${String(entry.audit_id)} asked for ${String(entry.approvals_required)} approvals, the policy for another number`,
      );
  }
}

function finalOf(entry: Entry, status: Final['status']): Final {
  return {
    auditId: entry.audit_id,
    status,
    actorKind: entry.actor_kind,
    decidedBy: entry.actor_kind === 'user' ? entry.actor_id : null,
    decidedAt: entry.timestamp,
    correlationId: entry.correlation_id,
    approvals: entry.approvals_received,
  };
}
