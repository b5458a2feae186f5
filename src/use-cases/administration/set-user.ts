import { auditActorOf, type RequestOrigin } from '../../domain/audit-entry';
import { parseId, parseReason } from '../../domain/parsing';
import type { Reviewer, User } from '../../domain/principal';
import { RefusedError, userNotFound, validationRefusal, type Refusal } from '../../domain/refusal';
import { applyUserPatch, userPatchFaults, userRecord, type UserPatch } from '../../domain/user-change';
import { asAdmin, type AdminStore } from './as-admin';

export interface UserChange {
  readonly reviewer: Reviewer;
  readonly userId: string;
  readonly patch: UserPatch;
  readonly reason: string | null;
  readonly origin: RequestOrigin;
}

export type SetUser = (change: UserChange) => Promise<User>;

/**
 * Changes a user's role, level, limit or active flag, effective from the user's next decision. A change of nothing is
 * not recorded.
 * @returns the user after the change
 * @throws {RefusedError} NOT_FOUND, VALIDATION_ERROR with every fault, LAST_ADMIN, or see `asAdmin`
 */
export function makeSetUser(store: AdminStore): SetUser {
  return async ({ reviewer, userId: givenId, patch, reason: given, origin }) => {
    const [id, reason] = [parseId(givenId, ['userId']), parseReason(given, ['reason'])];
    const faults = [...(id.faults ?? []), ...userPatchFaults(patch), ...(reason.faults ?? [])];
    if (id.faults !== undefined || reason.faults !== undefined || faults.length > 0)
      throw new RefusedError(validationRefusal(faults));
    const userId = id.value;
    return asAdmin(store, reviewer, async (admin, writes) => {
      const { user: before, otherAdmins } = await writes.person(userId);
      if (before === null) throw new RefusedError(userNotFound(userId));
      const after = applyUserPatch(before, patch);
      const records = { before: userRecord(before), after: userRecord(after) };
      if (JSON.stringify(records.before) === JSON.stringify(records.after)) return before;
      if (otherAdmins === 0 && !(after.role === 'admin' && after.active)) throw new RefusedError(LAST_ADMIN);
      return writes.setUser(after, {
        organizationId: admin.organizationId,
        actionType: 'user_changed',
        actor: auditActorOf(admin),
        details: `User ${String(userId)} changed by user ${String(admin.user.id)}`,
        origin,
        reason: reason.value,
        data: { user_id: userId, ...records },
      });
    });
  };
}

const LAST_ADMIN: Refusal = {
  code: 'LAST_ADMIN',
  detail: 'The last active admin of an organization cannot be deactivated or given another role',
};
