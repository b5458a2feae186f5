import type { Refusal } from '../../domain/refusal';
import type { IdempotencyRecord } from '../../domain/idempotency';
import { refusalOfSkipped } from '../../domain/decision-refusals';
import { batchOf, type DecisionRequest } from './decision-batch';
import { writeDenialRecords, refusedByRule, settle, type Outcome } from './decision-outcomes';
import type { DecisionStore, DecisionWrites, WriteOutcome } from './decision-store';
import { awaitRecord } from '../idempotency-record';
import { recordOf } from './replayed-decision';

/** The end of a round. */
export interface RoundEnd {
  /** Ids of stale actions, which have to be authorized again. */
  readonly stale: readonly number[];
  /** The idempotency record of a replay; it replaces every other outcome of the round. */
  readonly known?: IdempotencyRecord | null;
}

/** Tries once to decide the request's items and files every final outcome. */
export type Round = (
  request: DecisionRequest,
  store: DecisionStore,
  outcomes: Map<number, Outcome>,
) => Promise<RoundEnd>;

/** Best effort: decides each action independently. The decisions and the denial records are one commit. */
export const decideEach: Round = async (request, store, outcomes) => {
  // Called again where the transaction was undone, so nothing of it is kept outside.
  const write = async (writes: DecisionWrites): Promise<RoundEnd & { filed: Map<number, Outcome> }> => {
    const [refused, filed] = [refusedByRule(request), new Map<number, Outcome>()];
    const batch = batchOf(request);
    const written = batch.candidates.length === 0 ? [] : await writes.decide(batch);
    const stale = settle(written, request, filed, refused);
    const known = await knownInstead(written, refused.size > 0, request, store);
    if (known === null) await writeDenialRecords(refused, request, writes);
    for (const [actionId, refusal] of refused) filed.set(actionId, { actionId, refusal });
    return { stale, known, filed };
  };
  // A single decision needs no transaction: it writes either one decision or one denial record, never both.
  const { filed, ...end } = await (request.items.length === 1
    ? write(store.ownTransaction)
    : store.together(request.reviewer, write));
  for (const [actionId, outcome] of filed) outcomes.set(actionId, outcome);
  return end;
};

/** Atomic: one refusal, by the rule or by a lost race, leaves all of the actions undecided. */
export const decideAllOrNone: Round = async (request, store, outcomes) => {
  const refused = refusedByRule(request);
  if (refused.size === 0) {
    const written = await store.allOrNone(batchOf(request));
    // If any action was stale or lost, the transaction wrote nothing, so `written` outcomes do not hold.
    if (written.some(({ kind }) => kind === 'stale')) return { stale: idsOf(request) };
    const lost = written.filter(({ kind }) => kind !== 'written');
    settle(lost.length === 0 ? written : lost, request, outcomes, refused);
    if (lost.length === 0) return NOTHING_STALE;
  }
  await writeDenialRecords(refused, request, store.ownTransaction);
  refuseAll(request, refused, outcomes);
  return NOTHING_STALE;
};

const NOTHING_STALE: RoundEnd = { stale: [] };

/**
 * Decides a bulk of either mode that has an idempotency key. Lookup, decision and idempotency record are one
 * transaction. It commits only complete results: a stale action undoes the rest, since a crash between two rounds would
 * otherwise leave half of the bulk recorded. A bulk that decided nothing gets no idempotency record: refusals are not
 * replayed (docs/rest-api.md#idempotency-keys).
 */
export const decideUnderKey: Round = async (request, store, outcomes) => {
  const { idempotencyKey } = request;
  if (idempotencyKey === null) throw new Error('A request without an idempotency key has no record');
  const end = await store.once(
    idempotencyKey,
    (writes) => writeComplete(request, writes),
    ({ isKept, done }) => (isKept ? recordOf(request, done) : null),
  );
  if (end.kind !== 'done')
    return { stale: [], known: end.kind === 'known' ? end.known : await awaitRecord(store, idempotencyKey) };
  const { isAnyStale, isKept, done, refused } = end.result;
  if (isAnyStale) return { stale: idsOf(request) };
  if (isKept) {
    for (const [actionId, outcome] of done) outcomes.set(actionId, outcome);
  } else {
    await writeDenialRecords(refused, request, store.ownTransaction);
    refuseAll(request, refused, outcomes);
  }
  return NOTHING_STALE;
};

/**
 * Writes a bulk's decisions and denial records in the transaction of its idempotency key.
 * @returns whether any action was stale; whether the transaction is to be committed: something was decided, and in atomic
 * mode everything; the outcome of every item; and the refusals, by the rule or by a lost race
 */
async function writeComplete(
  request: DecisionRequest,
  writes: DecisionWrites,
): Promise<{
  readonly isAnyStale: boolean;
  readonly isKept: boolean;
  readonly done: ReadonlyMap<number, Outcome>;
  readonly refused: ReadonlyMap<number, Refusal>;
}> {
  const [refused, done] = [refusedByRule(request), new Map<number, Outcome>()];
  const isAtomic = request.mode === 'atomic';
  const batch = batchOf(request);
  const isHopeless = batch.candidates.length === 0 || (isAtomic && refused.size > 0);
  const written = isHopeless ? [] : await writes.decide(batch);
  const isAnyStale = written.some(({ kind }) => kind === 'stale');
  const lost = written.filter(({ kind }) => kind !== 'written');
  const isKept = !isAnyStale && lost.length < written.length && !(isAtomic && lost.length > 0);
  if (!isAnyStale) settle(isKept ? written : lost, request, done, refused);
  for (const [actionId, refusal] of refused) done.set(actionId, { actionId, refusal });
  if (isKept) await writeDenialRecords(refused, request, writes);
  return { isAnyStale, isKept, done, refused };
}

/**
 * Returns the idempotency record of a single decision, or null. A replay is refused by the rule too, because its action
 * is decided already, so the record is also looked up after a refusal.
 */
async function knownInstead(
  written: readonly WriteOutcome[],
  isRefused: boolean,
  { idempotencyKey }: DecisionRequest,
  store: DecisionStore,
): Promise<IdempotencyRecord | null> {
  if (idempotencyKey === null) return null;
  if (written.some(({ kind }) => kind === 'key_busy')) return awaitRecord(store, idempotencyKey);
  const isUsed = written.some(({ kind }) => kind === 'key_used');
  if (!isRefused && !isUsed) return null;
  const known = await store.findRecord(idempotencyKey);
  return known === null && isUsed ? awaitRecord(store, idempotencyKey) : known;
}

function refuseAll(
  request: DecisionRequest,
  refused: ReadonlyMap<number, Refusal>,
  outcomes: Map<number, Outcome>,
): void {
  for (const actionId of idsOf(request))
    outcomes.set(actionId, { actionId, refusal: refused.get(actionId) ?? refusalOfSkipped(actionId) });
}

function idsOf({ items }: DecisionRequest): readonly number[] {
  return items.map(({ actionId }) => actionId);
}
