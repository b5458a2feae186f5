import type { ApiKey, ApiKeyGrant, KeyChanger } from '../../domain/api-key-grant';
import type { AuditEntryDraft } from '../../domain/audit-entry';
import { refusalOfRole } from '../../domain/decision-refusals';
import type { PolicyRules, PolicyVersion } from '../../domain/policy';
import type { Reviewer, User } from '../../domain/principal';
import { RefusedError } from '../../domain/refusal';
import { INVALID_TOKEN } from '../decisions/reviewer-now';

/** The writes of an admin, within the transaction of `AdminStore.exclusively`. */
export interface AdminWrites {
  /** Puts rules in force as the next policy version, with their audit entry. */
  addPolicy(rules: PolicyRules, reason: string, entry: AuditEntryDraft): Promise<PolicyVersion>;
  /** Returns a user, or null, and the number of other active admins. */
  person(userId: number): Promise<{ readonly user: User | null; readonly otherAdmins: number }>;
  /**
   * Sets a user's role, level, limit and active flag, with the audit entry.
   * @returns the user after the change
   */
  setUser(user: User, entry: AuditEntryDraft): Promise<User>;
  /** Stores the hash of a new key, with the audit entry. */
  addApiKey(key: string, grant: ApiKeyGrant, ownerId: number, by: KeyChanger): Promise<ApiKey>;
  /**
   * Revokes a key, with the audit entry, unless it is revoked already.
   * @returns the key after the change; null if there is none
   */
  revokeApiKey(id: number, reason: string | null, by: KeyChanger): Promise<ApiKey | null>;
}

/** Runs changes of authority. */
export interface AdminStore {
  /**
   * Runs work under the organization's exclusive authority lock: no decision and no other change of authority runs
   * meanwhile. The transaction commits when work returns and rolls back when it throws. Work is called again where it
   * was undone.
   * @param work receives the reviewer as they are now, with the policy in force; null if they no longer exist
   */
  exclusively<T>(
    reviewer: Reviewer,
    work: (now: Reviewer | null, writes: AdminWrites) => Promise<T>,
  ): Promise<T>;
}

/**
 * Runs an admin's change, authorized by the admin's rights as read under the exclusive authority lock.
 * @throws {RefusedError} INVALID_TOKEN or INSUFFICIENT_PERMISSIONS where the reviewer is no longer an active admin
 */
export function asAdmin<T>(
  store: AdminStore,
  reviewer: Reviewer,
  change: (admin: Reviewer, writes: AdminWrites) => Promise<T>,
): Promise<T> {
  return store.exclusively(reviewer, async (now, writes) => {
    if (now?.user.active !== true) throw new RefusedError(INVALID_TOKEN);
    if (now.user.role !== 'admin') throw new RefusedError(refusalOfRole(now.user.role, ['admin']));
    return change(now, writes);
  });
}
