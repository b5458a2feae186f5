import { auditActorOf, type AuditEntryDraft, type RequestOrigin } from '../../domain/audit-entry';
import { parseReason, type Parsed } from '../../domain/parsing';
import { policyDifference, type PolicyVersion } from '../../domain/policy';
import { applyPatch, type PolicyPatch } from '../../domain/policy-change';
import type { Reviewer } from '../../domain/principal';
import { RefusedError, validationRefusal, type Refusal } from '../../domain/refusal';
import { asAdmin, type AdminStore } from './as-admin';

export interface PolicyChange {
  readonly reviewer: Reviewer;
  /** The version that the change replaces. */
  readonly expectedVersion: number;
  readonly patch: PolicyPatch;
  readonly reason: string;
  readonly origin: RequestOrigin;
}

export type ChangePolicy = (change: PolicyChange) => Promise<PolicyVersion>;

/**
 * Creates a new policy version by compare-and-swap on the version that it replaces. Earlier versions stay, and
 * decisions and votes under them stand.
 * @throws {RefusedError} POLICY_VERSION_CONFLICT where another version is in force; VALIDATION_ERROR with every fault
 * of an invalid policy, for a change of nothing, and for a missing reason; or see `asAdmin`
 */
export function makeChangePolicy(store: AdminStore): ChangePolicy {
  return ({ reviewer, expectedVersion, patch, reason: given, origin }) =>
    asAdmin(store, reviewer, async (admin, writes) => {
      const { version, ...rules } = admin.policy;
      const reason = readReason(given);
      const changed = applyPatch(rules, patch);
      if (reason.faults !== undefined || changed.faults !== undefined)
        throw new RefusedError(validationRefusal([...(changed.faults ?? []), ...(reason.faults ?? [])]));
      if (version !== expectedVersion) throw new RefusedError(conflict(expectedVersion, version));
      const difference = policyDifference(rules, changed.value);
      if (difference === null) throw new RefusedError(NOTHING_CHANGES);
      const next = version + 1;
      const entry: AuditEntryDraft = {
        organizationId: admin.organizationId,
        actionType: 'policy_changed',
        actor: auditActorOf(admin),
        details: `Approval policy version ${String(next)} laid down by user ${String(admin.user.id)}`,
        origin,
        reason: reason.value,
        policyVersion: next,
        data: { version: next, ...difference },
      };
      return writes.addPolicy(changed.value, reason.value, entry);
    });
}

const NOTHING_CHANGES = validationRefusal([
  { loc: ['patch'], msg: 'changes nothing in the policy in force', type: 'unchanged' },
]);

/** Parses the reason, which a change of policy requires. */
function readReason(given: string): Parsed<string> {
  const reason = parseReason(given, ['reason']);
  if (reason.faults !== undefined) return reason;
  if (reason.value !== null) return { value: reason.value };
  return { faults: [{ loc: ['reason'], msg: 'is required', type: 'required' }] };
}

function conflict(expectedVersion: number, currentVersion: number): Refusal {
  return {
    code: 'POLICY_VERSION_CONFLICT',
    detail: `The change is based on policy version ${String(expectedVersion)}, but version ${String(currentVersion)} is in force`,
    facts: { expectedVersion, currentVersion },
  };
}
