import type { Verdict } from '../../domain/action';
import type { AuditActor, AuditEntryDraft } from '../../domain/audit-entry';
import type { ErrorCode } from '../../domain/refusal';

/** Denied attempts of one principal, with one verdict, in one minute, that were counted rather than recorded. */
export interface OmittedRefusals {
  readonly organizationId: number;
  readonly actor: AuditActor;
  readonly verdict: Verdict;
  /** Start of the minute. */
  readonly minute: Date;
  readonly omitted: number;
  /** Code of the first omitted request. */
  readonly refusalCode: ErrorCode;
}

/** Counts the denied attempts beyond the limit of a minute. */
export interface OmittedRefusalsStore {
  /**
   * Closes minutes that are over, and writes one audit entry for each that omitted attempts. Several processes may call
   * it at once.
   * @returns whether there may be more
   */
  close(entryOf: (omitted: OmittedRefusals) => AuditEntryDraft): Promise<boolean>;
}

const MINUTE = 60_000;

/**
 * Records how many denied attempts were omitted, one entry per minute, until none are left
 * (docs/audit-log.md#denied-attempts).
 * @param mintCorrelationId returns one id per entry, because an entry covers many requests
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
