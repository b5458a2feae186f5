import { DEFAULT_RULES, policySettings, type PolicyRules, type PolicySettings } from '../domain/policy';
import { applyPatch, type PolicyPatch } from '../domain/policy-change';
import type { BundlePolicy } from './bundle';
import type { Entry } from './entry';
import type { Fault } from './verification';

/** Holds the policy versions against the entries that tell of their changes. */
export class PolicyVerification {
  private readonly versions = new Map<number, PolicyRules>();
  private readonly audited = new Set<number>();
  private settings: PolicySettings = {};

  constructor(private readonly report: (fault: Fault) => void) {}

  add({ version, rules }: BundlePolicy): void {
    this.versions.set(version, rules);
  }

  rulesOf(version: number | null): PolicyRules | undefined {
    return version === null ? undefined : this.versions.get(version);
  }

  /** Replays the differences: what a version's document says has to be what the entries lead to. */
  replay({ data, audit_id: auditId }: Entry): void {
    const { version = 1, before, after } = data ?? {};
    const rules = this.versions.get(Number(version));
    // The first entries of the product told the whole document, without a version.
    const told =
      data?.['version'] === undefined ? policySettings(legacyRules(after)) : (after as PolicySettings);
    // A setting that there was not yet had its default.
    this.settings = { ...(before === null ? policySettings(DEFAULT_RULES) : this.settings), ...told };
    this.audited.add(Number(version));
    const isSame = rules !== undefined && sameSettings(policySettings(rules), this.settings);
    if (!isSame)
      this.report({
        kind: 'POLICY_DIFFERS',
        detail: `Policy version ${String(version)} is not what audit entry ${String(auditId)} says`,
        auditId,
      });
  }

  /** To be called behind the last entry. */
  finish(): void {
    for (const version of this.versions.keys())
      if (!this.audited.has(version))
        this.report({
          kind: 'POLICY_DIFFERS',
          detail: `No entry tells of policy version ${String(version)}`,
        });
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
