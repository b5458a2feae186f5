import type { Verdict } from '../domain/action';
import type { AuditActor, AuditEntryDraft } from '../domain/audit-entry';
import type { ErrorCode } from '../domain/refusal';

/** Denied attempts of one principal, by one verdict, in one minute, that were not recorded one by one. */
export interface OmittedRefusals {
  readonly organizationId: number;
  readonly actor: AuditActor;
  readonly verdict: Verdict;
  /** When the minute began. */
  readonly minute: Date;
  readonly omitted: number;
  /** Of the first request that was left out. */
  readonly refusalCode: ErrorCode;
}

/** Where denied attempts are counted that are too many to be recorded. */
export interface OmittedRefusalsStore {
  /**
   * Closes minutes that are over, each with one audit entry where it left anything out; several processes may do so at once.
   * @returns whether there may be more
   */
  close(entryOf: (omitted: OmittedRefusals) => AuditEntryDraft): Promise<boolean>;
}

const MINUTE = 60_000;

/**
 * Writes down how many denied attempts were left out, minute by minute, until there is no more (docs/audit-log.md#denied-attempts).
 * @param mintCorrelationId one id per entry: what is closed is of many requests
 */
export function makeCloseRefusals(
  store: OmittedRefusalsStore,
  mintCorrelationId: () => string,
): (signal: AbortSignal) => Promise<void> {
  const entryOf = (omitted: OmittedRefusals): AuditEntryDraft => closingEntry(omitted, mintCorrelationId());
  return async (signal) => {
    for (let isMore = true; isMore && !signal.aborted;) isMore = await store.close(entryOf);
  };
}

function closingEntry(
  { organizationId, actor, verdict, minute, omitted, refusalCode }: OmittedRefusals,
  correlationId: string,
): AuditEntryDraft {
  const who = `${actor.kind === 'user' ? 'User' : 'API key'} ${String(actor.id)}`;
  const to = new Date(minute.getTime() + MINUTE);
  return {
    organizationId,
    actionType: 'decision_refused',
    actor,
    origin: { correlationId, clientCorrelationId: null, ipAddress: null, userAgent: null },
    details: `${who} was refused to ${verdict} ${String(omitted)} more times in the minute from ${minute.toISOString()}`,
    verdict,
    refusalCode,
    data: { omitted, from: minute.toISOString(), to: to.toISOString() },
  };
}
