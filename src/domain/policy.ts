import type { Verdict } from './action';
import type { Role } from './role';
import { RISK_LEVELS, type RiskLevel } from './risk';
import type { ScoringRule } from './scoring-rules';

/** One value for each risk level. */
export type ByRiskLevel<T> = Readonly<Record<RiskLevel, T>>;

/**
 * The settings of an organization's approval policy (docs/approval-policy.md#settings). The bounds of the risk levels
 * are fixed (docs/approval-policy.md#risk-levels).
 */
export interface PolicyRules {
  /** Whether a reviewer needs a held level at or above the required one (docs/approval-policy.md#held-level). */
  readonly approvalLevels: boolean;
  /** The required level of each risk level, 1 to 10. */
  readonly requiredLevels: ByRiskLevel<number>;
  /** The held level of users without one of their own, by role, 0 to 10. */
  readonly roleLevels: Readonly<Record<'manager' | 'securityManager' | 'admin', number>>;
  /** The risk limit of managers without one of their own, 0 to 100, inclusive; null for none. */
  readonly managerMaxRiskScore: number | null;
  /** Distinct reviewers needed to approve, 1 to 10 (docs/approval-policy.md#quorum). */
  readonly quorum: ByRiskLevel<number>;
  /** Whether users may decide what they, or an API key of theirs, submitted (docs/approval-policy.md#own-actions). */
  readonly ownActionsAllowed: boolean;
  /** The risk levels at which a verdict needs a reason (docs/approval-policy.md#reasons). */
  readonly reasonRequired: Readonly<Record<Verdict, readonly RiskLevel[]>>;
  /**
   * How long an action waits before it expires, in seconds, from 60 to a year; null for no expiry
   * (docs/approval-policy.md#expiry).
   */
  readonly timeToLiveSeconds: ByRiskLevel<number | null>;
  /** The risk levels whose actions cannot be decided in bulk. */
  readonly excludedFromBulk: readonly RiskLevel[];
  /** The policy approves submissions with a score below this, 0 to 100; null for none. */
  readonly autoApproveBelow: number | null;
  /** The rules that score a submitted action; the first match wins (domain/risk-score). */
  readonly scoringRules: readonly ScoringRule[];
}

/** One numbered version of an organization's approval policy. */
export interface ApprovalPolicy extends PolicyRules {
  readonly version: number;
}

/** A stored policy version, with who changed it and when. */
export interface PolicyVersion extends ApprovalPolicy {
  /** Null where an operator or the gateway itself made the change. */
  readonly changedById: number | null;
  readonly reason: string | null;
  readonly changedAt: Date;
}

/** The defaults of docs/approval-policy.md#settings. */
export const DEFAULT_RULES: PolicyRules = {
  approvalLevels: true,
  requiredLevels: { low: 1, medium: 2, high: 3, critical: 4 },
  roleLevels: { manager: 1, securityManager: 3, admin: 4 },
  managerMaxRiskScore: null,
  quorum: { low: 1, medium: 1, high: 1, critical: 1 },
  ownActionsAllowed: false,
  reasonRequired: { approve: [], reject: [] },
  timeToLiveSeconds: { low: null, medium: null, high: null, critical: null },
  excludedFromBulk: [],
  autoApproveBelow: null,
  scoringRules: [],
};

/** Returns the level that a role holds by default, 0 to 10; 0 for the role that only reads. */
export function levelOfRole(role: Role, { roleLevels }: PolicyRules): number {
  if (role === 'user') return 0;
  return role === 'security_manager' ? roleLevels.securityManager : roleLevels[role];
}

/** Settings by path, such as `quorum.high`; a list is one setting. */
export type PolicySettings = Readonly<Record<string, unknown>>;

/** Returns a policy's settings by path. */
export function policySettings(rules: PolicyRules): PolicySettings {
  return Object.fromEntries(settingsOf(rules, []));
}

/** Returns the settings that differ between two policies, before and after; null where none do. */
export function policyDifference(
  before: PolicyRules,
  after: PolicyRules,
): { before: PolicySettings; after: PolicySettings } | null {
  const [old, now] = [policySettings(before), policySettings(after)];
  const changed = Object.keys(now).filter((path) => JSON.stringify(old[path]) !== JSON.stringify(now[path]));
  if (changed.length === 0) return null;
  const pick = (settings: PolicySettings): PolicySettings =>
    Object.fromEntries(changed.map((path) => [path, settings[path]]));
  return { before: pick(old), after: pick(now) };
}

function settingsOf(rules: object, path: readonly string[]): readonly (readonly [string, unknown])[] {
  return Object.entries(rules).flatMap(([name, setting]: [string, unknown]) => {
    const here = [...path, name];
    const isPart = typeof setting === 'object' && setting !== null && !Array.isArray(setting);
    return isPart ? settingsOf(setting, here) : [[here.join('.'), setting] as const];
  });
}

/** Returns risk levels without duplicates, lowest first. */
export function inOrder(riskLevels: readonly unknown[]): readonly RiskLevel[] {
  return RISK_LEVELS.filter((level) => riskLevels.includes(level));
}
