import { MAX_LEVEL } from './policy-change';
import type { User } from './principal';
import type { InputFault } from './refusal';

/** What an admin may change of a user. Absent fields stay unchanged. */
export interface UserPatch {
  readonly role?: User['role'] | null;
  /** 0 to 10; null for the role's default. */
  readonly approvalLevel?: number | null;
  /** 0 to 100; null for the organization's limit. */
  readonly maxRiskScore?: number | null;
  readonly active?: boolean | null;
}

/** Returns every fault in a change of a user; none for a valid change. */
export function userPatchFaults({
  role,
  approvalLevel,
  maxRiskScore,
  active,
}: UserPatch): readonly InputFault[] {
  const isLevel = Number.isInteger(approvalLevel) && isWithin(approvalLevel, MAX_LEVEL);
  return [
    role === null ? [fault('role', 'cannot be null', 'enum')] : [],
    isAbsent(approvalLevel) || isLevel
      ? []
      : [fault('approvalLevel', `must be an integer from 0 to ${String(MAX_LEVEL)}, or null`, 'range')],
    isAbsent(maxRiskScore) || isWithin(maxRiskScore, 100)
      ? []
      : [fault('maxRiskScore', 'must be a score from 0 to 100, or null', 'range')],
    active === null ? [fault('active', 'cannot be null', 'boolean')] : [],
  ].flat();
}

/** Applies a valid change to a user. */
export function applyUserPatch(user: User, patch: UserPatch): User {
  const given = Object.entries(patch).filter(([, value]) => value !== undefined);
  return { ...user, ...Object.fromEntries(given) };
}

/** Returns a user in the form of an audit entry's `data`. */
export function userRecord(
  user: Pick<User, 'name' | 'role' | 'approvalLevel' | 'maxRiskScore' | 'active'>,
): Readonly<Record<string, unknown>> {
  const { name, role, approvalLevel, maxRiskScore, active } = user;
  return { name, role, approval_level: approvalLevel, max_risk_score: maxRiskScore, active };
}

function isAbsent(value: number | null | undefined): value is null | undefined {
  return value === null || value === undefined;
}

function isWithin(value: number | null | undefined, max: number): boolean {
  return typeof value === 'number' && value >= 0 && value <= max;
}

function fault(name: string, msg: string, type: string): InputFault {
  return { loc: ['patch', name], msg, type };
}
