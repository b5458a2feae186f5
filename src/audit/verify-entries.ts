import { DEFAULT_RULES, policySettings, type PolicyRules, type PolicySettings } from '../domain/policy';
import { applyPatch, type PolicyPatch } from '../domain/policy-change';
import { riskLevelOf } from '../domain/risk';
import type { BundleAction, BundlePolicy } from './bundle';
import type { Fault, FaultKind } from './verification';

/** An entry as its canonical bytes have it (docs/audit-format.md). */
interface Entry {
  readonly audit_id: number;
  readonly organization_id: number;
  readonly action_type: string;
  readonly timestamp: string;
  readonly actor_kind: string;
  readonly actor_id: number | null;
  readonly action_id: number | null;
  readonly verdict: string | null;
  readonly risk_score: number | null;
  readonly required_level: number | null;
  readonly held_level: number | null;
  readonly policy_version: number | null;
  readonly approvals_received: number | null;
  readonly approvals_required: number | null;
  readonly correlation_id: string;
  readonly data: Readonly<Record<string, unknown>> | null;
}

/** Where an entry stands, and its text. */
export interface PlacedEntry {
  readonly audit_id: number;
  readonly leafIndex?: number;
  readonly canonical: string;
  readonly altered?: readonly string[];
}

/** The keys of an entry, in the order of its bytes. */
const KEYS =
  'v audit_id organization_id action_type timestamp actor_kind actor_id on_behalf_of action_id verdict reason refusal_code risk_score required_level held_level policy_version approvals_received approvals_required details correlation_id client_correlation_id ip_commitment user_agent_commitment data';

/** What each kind of entry makes of an action. */
const FINAL: Readonly<Record<string, BundleAction['status']>> = {
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
  private readonly seen = new Set<number>();
  private readonly finals = new Map<number, Entry>();
  private readonly votes = new Map<number, Set<number>>();
  private readonly policies = new Map<number, PolicyRules>();
  private readonly auditedPolicies = new Set<number>();
  private settings: PolicySettings = {};
  private latest = 0;

  constructor(
    private readonly organizationId: number,
    private readonly report: (fault: Fault) => void,
  ) {}

  addPolicy({ version, rules }: BundlePolicy): void {
    this.policies.set(version, rules);
  }

  add(placed: PlacedEntry): void {
    const { audit_id: auditId, canonical, altered, leafIndex } = placed;
    const at = { auditId, ...(leafIndex !== undefined && { leafIndex }) };
    const fault = (kind: FaultKind, detail: string): void => {
      this.report({ kind, detail, ...at });
    };
    if (this.seen.has(auditId)) fault('DUPLICATE_ENTRY', `Audit entry ${String(auditId)} is there twice`);
    this.seen.add(auditId);
    if (altered !== undefined)
      fault(
        'ROW_ALTERED',
        `The row of audit entry ${String(auditId)} does not say what its bytes say: ${altered.join(', ')}`,
      );
    const entry = parse(canonical);
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
    if (entry.action_type === 'policy_changed') this.checkPolicy(entry, fault);
    if (entry.action_type === 'vote_recorded') this.countVote(entry, fault);
    if (FINAL[entry.action_type] !== undefined) this.decide(entry, fault);
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
        `Action ${id} is pending, and entry ${String(final.audit_id)} decided it`,
      );
      return;
    }
    const isByUser = final.actor_kind === 'user';
    const isDecided = action.status !== 'expired';
    const agrees =
      FINAL[final.action_type] === action.status &&
      (!isDecided ||
        (action.decided_by_kind === final.actor_kind &&
          action.decided_by === (isByUser ? final.actor_id : null) &&
          action.decided_at === final.timestamp &&
          action.correlation_id === final.correlation_id)) &&
      action.approvals === (final.approvals_received ?? action.approvals);
    if (!agrees)
      fault('DECISION_DIFFERS', `Action ${id} does not stand as entry ${String(final.audit_id)} left it`);
  }

  /** To be called behind the last action. */
  finish(): void {
    for (const [actionId, { audit_id: auditId }] of this.finals)
      this.report({
        kind: 'AUDITED_WITHOUT_DECISION',
        detail: `Entry ${String(auditId)} decided action ${String(actionId)}, which is not there`,
        actionId,
        auditId,
      });
    for (const version of this.policies.keys())
      if (!this.auditedPolicies.has(version))
        this.report({
          kind: 'POLICY_DIFFERS',
          detail: `No entry tells of policy version ${String(version)}`,
        });
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

  /** Replays the differences: what a version's document says has to be what the entries lead to. */
  private checkPolicy(
    { data, audit_id: auditId }: Entry,
    fault: (kind: FaultKind, detail: string) => void,
  ): void {
    const { version = 1, before, after } = data ?? {};
    const rules = this.policies.get(Number(version));
    // The first entries of the product told the whole document, without a version.
    const told =
      data?.['version'] === undefined ? policySettings(legacyRules(after)) : (after as PolicySettings);
    this.settings = before === null ? told : { ...this.settings, ...told };
    this.auditedPolicies.add(Number(version));
    const isSame = rules !== undefined && sameSettings(policySettings(rules), this.settings);
    if (!isSame)
      fault(
        'POLICY_DIFFERS',
        `Policy version ${String(version)} is not what audit entry ${String(auditId)} says`,
      );
  }

  private countVote(entry: Entry, fault: (kind: FaultKind, detail: string) => void): void {
    this.checkAuthority(entry, fault);
    const count = this.vote(entry, fault);
    if (entry.approvals_received !== count)
      fault(
        'QUORUM_NOT_MET',
        `Entry ${String(entry.audit_id)} counts ${String(entry.approvals_received)} approvals, audited are ${String(count)}`,
      );
  }

  private decide(entry: Entry, fault: (kind: FaultKind, detail: string) => void): void {
    const actionId = entry.action_id ?? 0;
    const earlier = this.finals.get(actionId);
    if (earlier !== undefined)
      fault(
        'DECIDED_TWICE',
        `Action ${String(actionId)} was decided by entry ${String(earlier.audit_id)} already`,
      );
    this.finals.set(actionId, entry);
    if (entry.actor_kind === 'user') {
      this.checkAuthority(entry, fault);
      if (entry.action_type === 'action_approved') {
        const count = this.vote(entry, fault);
        const { approvals_received: received, approvals_required: required } = entry;
        if (received !== count || received < (required ?? Infinity))
          fault(
            'QUORUM_NOT_MET',
            `Entry ${String(entry.audit_id)} approves with ${String(count)} of ${String(required)} approvals`,
          );
      }
    }
    this.votes.delete(actionId);
  }

  /** Counts an approval; returns how many distinct people have approved. */
  private vote(entry: Entry, fault: (kind: FaultKind, detail: string) => void): number {
    const actionId = entry.action_id ?? 0;
    const voters = this.votes.get(actionId) ?? new Set();
    if (voters.has(entry.actor_id ?? 0))
      fault('VOTED_TWICE', `User ${String(entry.actor_id)} approved action ${String(actionId)} twice`);
    voters.add(entry.actor_id ?? 0);
    this.votes.set(actionId, voters);
    return voters.size;
  }

  /** The level has to suffice, by the entry's own account and by the policy that it names. */
  private checkAuthority(entry: Entry, fault: (kind: FaultKind, detail: string) => void): void {
    const { required_level: required, held_level: held, risk_score: score, policy_version: version } = entry;
    const rules = this.policies.get(version ?? 0);
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

/** An entry's bytes; null where they are not as this product writes them, to the letter. */
function parse(canonical: string): Entry | null {
  try {
    const entry: unknown = JSON.parse(canonical);
    const isEntry = typeof entry === 'object' && entry !== null && Object.keys(entry).join(' ') === KEYS;
    return isEntry && JSON.stringify(entry) === canonical && (entry as { v: unknown }).v === 1
      ? (entry as Entry & object)
      : null;
  } catch {
    return null;
  }
}

function legacyRules(document: unknown): PolicyRules {
  return applyPatch(DEFAULT_RULES, document as PolicyPatch).value ?? DEFAULT_RULES;
}

function sameSettings(
  one: Readonly<Record<string, unknown>>,
  other: Readonly<Record<string, unknown>>,
): boolean {
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return names.every((name) => JSON.stringify(one[name]) === JSON.stringify(other[name]));
}
