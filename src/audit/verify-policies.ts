import { DEFAULT_RULES, policySettings, type PolicyRules, type PolicySettings } from '../domain/policy';
import { applyPatch, type PolicyPatch } from '../domain/policy-change';
import type { BundlePolicy } from './bundle';
import type { Entry } from './entry';
import type { FaultKind } from './verification';

type Report = (kind: FaultKind, detail: string) => void;

/** Holds the policy versions against the entries that tell of their changes, and knows which one was in force. */
export class PolicyVerification {
  private readonly versions = new Map<number, PolicyRules>();
  private settings: PolicySettings = {};
  /** The version that the entries so far have put in force; 0 before the first. */
  private current = 0;

  get count(): number {
    return this.versions.size;
  }

  add({ version, rules }: BundlePolicy, report: Report): void {
    if (version !== this.versions.size + 1)
      report(
        'POLICY_DIFFERS',
        `Policy version ${String(version)} stands where version ${String(this.versions.size + 1)} has to`,
      );
    this.versions.set(version, rules);
  }

  rulesOf(version: number | null): PolicyRules | undefined {
    return version === null ? undefined : this.versions.get(version);
  }

  /**
   * Whether the version that an entry names was in force when it was written. Decisions, submissions and changes of
   * policy exclude each other by the organization's gate, so that the order of the log is exact between them.
   */
  isInForce(version: number | null): boolean {
    return version === this.current;
  }

  /** Whether a version was there already: what is refused may have been weighed by one just replaced. */
  isKnownBy(version: number | null): boolean {
    return version !== null && version <= this.current;
  }

  /** Replays the differences: what a version's document says has to be what the entries lead to. */
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
        `Audit entry ${String(auditId)} lays down policy version ${String(version)} after version ${String(this.current)}`,
      );
    }
    // A setting that there was not yet had its default.
    const known = isFirst ? policySettings(DEFAULT_RULES) : this.settings;
    // The first entries of the product told the whole document, without a version.
    const told =
      data?.['version'] === undefined ? policySettings(legacyRules(after)) : (after as PolicySettings);
    if (before !== null && !isChange(before as PolicySettings, told, known)) differs('replaced another than');
    this.settings = { ...known, ...told };
    this.current = Number(version);
    const rules = this.versions.get(this.current);
    if (rules === undefined || !sameSettings(policySettings(rules), this.settings)) differs('is not what');
  }

  /** Call after the last entry. */
  finish(report: Report): void {
    for (const version of this.versions.keys())
      if (version > this.current)
        report('POLICY_DIFFERS', `No entry tells of policy version ${String(version)}`);
  }
}

/** Whether `before` says of each changed setting what it was, and each did change. */
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
