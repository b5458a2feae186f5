import type { Action } from '../domain/action';
import { SYSTEM_ACTOR, type AuditEntryDraft, type RequestOrigin } from '../domain/audit-entry';

/** The facts of an overdue action that a sweep reads. */
export type OverdueAction = Pick<Action, 'organizationId' | 'id' | 'riskScore'> & {
  readonly expiresAt: Date;
};

/** Finds and marks overdue actions. */
export interface ExpiryStore {
  /** Returns overdue pending actions of any organization, the longest overdue first, at most `limit`. */
  overdue(limit: number): Promise<readonly OverdueAction[]>;
  /**
   * Marks actions of one organization as expired, each with its audit entry. Skips those that another transaction is
   * deciding or expiring.
   * @returns how many were marked
   */
  expire(organizationId: number, drafts: readonly AuditEntryDraft[]): Promise<number>;
}

/** Maximum number of actions per batch. */
const BATCH = 500;

/**
 * Marks overdue actions in batches until none are left (docs/approval-policy.md#expiry). Nothing depends on its timing,
 * because every read and every decision already treats an overdue action as expired. Several processes may sweep at
 * once.
 * @param mintCorrelationId returns one id per batch and organization, for the audit log
 * @returns how many actions were marked
 */
export function makeExpireActions(
  store: ExpiryStore,
  mintCorrelationId: () => string,
): (signal?: AbortSignal) => Promise<number> {
  return async (signal) => {
    let sum = 0;
    for (;;) {
      const overdue = await store.overdue(BATCH);
      let marked = 0;
      for (const [organizationId, actions] of byOrganization(overdue)) {
        const origin = { ...NOWHERE, correlationId: mintCorrelationId() };
        marked += await store.expire(
          organizationId,
          actions.map((action) => expiredDraft(action, origin)),
        );
      }
      sum += marked;
      // If nothing could be marked, other transactions hold the whole batch: leave it to the next sweep.
      if (overdue.length < BATCH || marked === 0 || signal?.aborted === true) return sum;
    }
  };
}

const NOWHERE = { clientCorrelationId: null, ipAddress: null, userAgent: null };

function byOrganization(overdue: readonly OverdueAction[]): ReadonlyMap<number, OverdueAction[]> {
  const groups = new Map<number, OverdueAction[]>();
  for (const action of overdue) {
    const group = groups.get(action.organizationId) ?? [];
    group.push(action);
    groups.set(action.organizationId, group);
  }
  return groups;
}

function expiredDraft(action: OverdueAction, origin: RequestOrigin): AuditEntryDraft {
  const { organizationId, id, riskScore, expiresAt } = action;
  return {
    organizationId,
    actionType: 'action_expired',
    actor: SYSTEM_ACTOR,
    details: `Action ${String(id)} expired at ${expiresAt.toISOString()} without a decision`,
    origin,
    actionId: id,
    riskScore,
    data: { expires_at: expiresAt.toISOString() },
  };
}
