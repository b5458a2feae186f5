import { DEFAULT_RULES, policySettings, type PolicyRules, type PolicySettings } from '../domain/policy';
import { applyPatch, type PolicyPatch } from '../domain/policy-change';
import type { BundlePolicy } from './bundle';
import type { Entry } from './entry';
import type { FaultKind } from './verification';

type Report = (kind: FaultKind, detail: string) => void;

/** Checks the policy versions against the entries of their changes, and tracks which version was in force. */
export class PolicyVerification {
  private readonly versions = new Map<number, PolicyRules>();
  private settings: PolicySettings = {};
  /** The version that the entries so far put in force; 0 before the first. */
  private current = 0;

  get count(): number {
    return this.versions.size;
  }

  /** Adds the next policy version, in ascending order. */
  add({ version, rules }: BundlePolicy, report: Report): void {
    if (version !== this.versions.size + 1)
      report(
        'POLICY_DIFFERS',
        `Policy version ${String(version)} occurs where version ${String(this.versions.size + 1)} is expected`,
      );
    this.versions.set(version, rules);
  }

  rulesOf(version: number | null): PolicyRules | undefined {
    return version === null ? undefined : this.versions.get(version);
  }

  /**
   * Returns whether the version that an entry names was in force when it was written. Decisions, submissions and policy
   * changes exclude each other by the organization's authority lock, so their order in the log is exact.
   */
  isInForce(version: number | null): boolean {
    return version === this.current;
  }

  /**
   * Returns whether a version existed already. A denied attempt may have been judged by a version that was just
   * replaced.
   */
  isKnownBy(version: number | null): boolean {
    return version !== null && version <= this.current;
  }

  /** Applies a change. The resulting settings have to equal the document of the version. */
  replay({ data, audit_id: auditId, policy_version: named }: Entry, report: Report): void {
    const { version = 1, before, after } = data ?? {};
    const isFirst = this.current === 0;
    const differs = (what: string): void => {
      report(
        'POLICY_DIFFERS',
        `Policy version ${String(version)} ${what} audit entry ${String(auditId)} says`,
      );
    };
    if (version !== this.current + 1 || (named ?? version) !== version || (before === null) !== isFirst) {
      report(
        'POLICY_DIFFERS',
        `Audit entry ${String(auditId)} creates policy version ${String(version)} after version ${String(this.current)}`,
      );
    }
    // A setting that did not exist yet had its default.
    const known = isFirst ? policySettings(DEFAULT_RULES) : this.settings;
    // The oldest entries hold the whole document, without a version.
    const told =
      data?.['version'] === undefined ? policySettings(legacyRules(after)) : (after as PolicySettings);
    if (before !== null && !isChange(before as PolicySettings, told, known))
      differs('replaced another version than');
    this.settings = { ...known, ...told };
    this.current = Number(version);
    const rules = this.versions.get(this.current);
    if (rules === undefined || !sameSettings(policySettings(rules), this.settings)) differs('is not what');
  }

  /** Reports versions without an entry. Call after the last entry. */
  finish(report: Report): void {
    for (const version of this.versions.keys())
      if (version > this.current)
        report('POLICY_DIFFERS', `No entry records policy version ${String(version)}`);
  }
}

/** Returns whether `before` holds the old value of each changed setting, and each of them changed. */
function isChange(before: PolicySettings, after: PolicySettings, known: PolicySettings): boolean {
  const names = Object.keys(after);
  return (
    names.length > 0 &&
    names.length === Object.keys(before).length &&
    names.every((name) => {
      const was = JSON.stringify(before[name]);
      return (
        Object.hasOwn(before, name) &&
        was === JSON.stringify(known[name]) &&
        was !== JSON.stringify(after[name])
      );
    })
  );
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
