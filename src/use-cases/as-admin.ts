import type { ApiKey, ApiKeyGrant, KeyChanger } from '../domain/api-key-grant';
import type { AuditEntryDraft } from '../domain/audit-entry';
import { refusalOfRole } from '../domain/decision-refusals';
import type { PolicyRules, PolicyVersion } from '../domain/policy';
import type { Reviewer, User } from '../domain/principal';
import { RefusedError } from '../domain/refusal';
import { INVALID_TOKEN } from './reviewer-now';

/** What an admin can change, within the transaction of `AdminStore.alone`. */
export interface AdminWrites {
  /** Puts rules in force as the next version of the policy, with their audit entry. */
  addPolicy(rules: PolicyRules, reason: string, entry: AuditEntryDraft): Promise<PolicyVersion>;
  /** A person as they are, or null, and how many other active admins there are. */
  person(userId: number): Promise<{ readonly user: User | null; readonly otherAdmins: number }>;
  /** Sets a person's role, level, limit and being active, with the audit entry. @returns them as they are then */
  setUser(user: User, entry: AuditEntryDraft): Promise<User>;
  /** Stores a new key as its hash, with the audit entry. */
  addApiKey(key: string, grant: ApiKeyGrant, ownerId: number, by: KeyChanger): Promise<ApiKey>;
  /** Revokes a key with the audit entry, unless it was before. @returns it as it is then; null if there is none */
  revokeApiKey(id: number, reason: string | null, by: KeyChanger): Promise<ApiKey | null>;
}

/** Where changes of authority are made. */
export interface AdminStore {
  /**
   * Runs work while nobody else decides or changes anything in the reviewer's organization: committed when it returns,
   * undone when it throws.
   * @param work is handed the reviewer as they are then, with the policy in force; null if they are gone
   */
  alone<T>(reviewer: Reviewer, work: (now: Reviewer | null, writes: AdminWrites) => Promise<T>): Promise<T>;
}

/**
 * Runs a change of an admin, authorized by what they are once nobody else can change that any more.
 * @throws {RefusedError} INVALID_TOKEN or INSUFFICIENT_PERMISSIONS for somebody who is no admin any more
 */
export function asAdmin<T>(
  store: AdminStore,
  reviewer: Reviewer,
  change: (admin: Reviewer, writes: AdminWrites) => Promise<T>,
): Promise<T> {
  return store.alone(reviewer, async (now, writes) => {
    if (now?.user.active !== true) throw new RefusedError(INVALID_TOKEN);
    if (now.user.role !== 'admin') throw new RefusedError(refusalOfRole(now.user.role, ['admin']));
    return change(now, writes);
  });
}
