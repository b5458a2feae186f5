import type { Verdict } from './action';
import type { Role } from './principal';
import { RISK_LEVELS, type RiskLevel } from './risk';
import type { ScoringRule } from './scoring-rules';

/** One value for each band of risk. */
export type ByRiskLevel<T> = Readonly<Record<RiskLevel, T>>;

/** What an organization can set about its decisions (docs/approval-policy.md#settings). Where a band begins is not among it (docs/approval-policy.md#risk-levels). */
export interface PolicyRules {
  /** Whether a reviewer needs a held level at or above the band's (docs/approval-policy.md#held-level). */
  readonly approvalLevels: boolean;
  /** The level that each band asks for, 1 to 10. */
  readonly requiredLevels: ByRiskLevel<number>;
  /** The level that comes with a role where the person has none of their own, 0 to 10. */
  readonly roleLevels: Readonly<Record<'manager' | 'securityManager' | 'admin', number>>;
  /** The limit of managers without one of their own, 0 to 100, inclusive; null for none. */
  readonly managerMaxRiskScore: number | null;
  /** Distinct reviewers needed to approve, 1 to 10 (docs/approval-policy.md#quorum). */
  readonly quorum: ByRiskLevel<number>;
  /** Whether people may decide what they, or an API key of theirs, submitted (docs/approval-policy.md#own-actions). */
  readonly ownActionsAllowed: boolean;
  /** The bands in which a verdict needs a reason (docs/approval-policy.md#reasons). */
  readonly reasonRequired: Readonly<Record<Verdict, readonly RiskLevel[]>>;
  /** How long an action waits before it expires, in seconds, 60 to a year; null for ever (docs/approval-policy.md#expiry). */
  readonly timeToLiveSeconds: ByRiskLevel<number | null>;
  /** The bands whose actions are decided one by one only. */
  readonly excludedFromBulk: readonly RiskLevel[];
  /** Scores below this, 0 to 100, are approved by the policy when they are submitted; null for none. */
  readonly autoApproveBelow: number | null;
  /** What gives a submitted action its score: the first one that matches (domain/risk-score). */
  readonly scoringRules: readonly ScoringRule[];
}

/** An organization's rules for decisions, one numbered version of them. */
export interface ApprovalPolicy extends PolicyRules {
  readonly version: number;
}

/** A policy as it was laid down. */
export interface PolicyVersion extends ApprovalPolicy {
  /** Null where an operator or the product itself did it. */
  readonly changedById: number | null;
  readonly reason: string | null;
  readonly changedAt: Date;
}

/** What holds where an organization says nothing: the defaults of docs/approval-policy.md#settings. */
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

/** The level that a role brings along, 0 to 10; nobody who only reads brings any. */
export function levelOfRole(role: Role, { roleLevels }: PolicyRules): number {
  if (role === 'user') return 0;
  return role === 'security_manager' ? roleLevels.securityManager : roleLevels[role];
}

/** Settings by their path, such as `quorum.high`; a list is one setting. */
export type PolicySettings = Readonly<Record<string, unknown>>;

/** A policy's settings, one by one. */
export function policySettings(rules: PolicyRules): PolicySettings {
  return Object.fromEntries(settingsOf(rules, []));
}

/** What differs between two policies, as it was and as it is; null where they are the same. */
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

/** Bands, lowest first and each once. */
export function inOrder(riskLevels: readonly unknown[]): readonly RiskLevel[] {
  return RISK_LEVELS.filter((level) => riskLevels.includes(level));
}
