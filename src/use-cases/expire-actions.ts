import type { Action } from '../domain/action';
import { SYSTEM_ACTOR, type AuditEntryDraft, type RequestOrigin } from '../domain/audit-entry';

/** What a sweep reads of an overdue action. */
export type OverdueAction = Pick<Action, 'organizationId' | 'id' | 'riskScore'> & {
  readonly expiresAt: Date;
};

/** Where overdue actions are found and marked. */
export interface ExpiryStore {
  /** Pending actions whose time is over, the longest overdue first, at most so many, of any organization. */
  overdue(limit: number): Promise<readonly OverdueAction[]>;
  /**
   * Marks one organization's actions as expired, each with its audit entry, and passes over those that somebody else
   * decides or expires at this moment.
   * @returns how many were marked
   */
  expire(organizationId: number, drafts: readonly AuditEntryDraft[]): Promise<number>;
}

/** How many actions one batch marks at most. */
const BATCH = 500;

/**
 * Marks what is overdue, in batches, until there is no more (docs/approval-policy.md#expiry). Nobody waits for it: every read and every
 * decision takes an overdue action for expired already. Several processes may sweep at once.
 * @param mintCorrelationId one id per batch and organization, for the audit log
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
      // A batch in which nothing could be marked is in somebody else's hands: the next sweep looks again.
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
