import type { Refusal } from '../domain/refusal';
import type { KnownRequest } from '../domain/retry';
import { refusalOfCompany } from '../domain/decision-refusals';
import { batchOf, type DecisionRequest } from './decision-batch';
import { recordEvidence, refusedByRule, settle, type Outcome } from './decision-outcomes';
import type { DecisionStore, DecisionWrites, WriteOutcome } from './decision-store';
import { awaitKnown } from './known-request';
import { recordOf } from './known-decision';

/** The end of a round. */
export interface RoundEnd {
  /** Ids of stale actions, which have to be authorized again. */
  readonly moved: readonly number[];
  /** The idempotency record of a replay; it replaces every other outcome of the round. */
  readonly known?: KnownRequest | null;
}

/** Tries once to decide the request's items and files every final outcome. */
export type Round = (
  request: DecisionRequest,
  store: DecisionStore,
  outcomes: Map<number, Outcome>,
) => Promise<RoundEnd>;

/** Best effort: decides each action independently. The decisions and the denial records are one commit. */
export const decideEach: Round = async (request, store, outcomes) => {
  const refused = refusedByRule(request);
  const batch = batchOf(request);
  const write = async (writes: DecisionWrites): Promise<RoundEnd> => {
    const written = batch.candidates.length === 0 ? [] : await writes.decide(batch);
    const moved = settle(written, request, outcomes, refused);
    const known = await knownInstead(written, refused.size > 0, request, store);
    if (known === null) await recordEvidence(refused, request, writes);
    return { moved, known };
  };
  // A single decision needs no transaction: it writes either one decision or one denial record, never both.
  const end = await (request.items.length === 1
    ? write(store.alone)
    : store.together(request.reviewer, write));
  for (const [actionId, refusal] of refused) outcomes.set(actionId, { actionId, refusal });
  return end;
};

/** Atomic: one refusal, by the rule or by a lost race, leaves all of the actions undecided. */
export const decideAllOrNone: Round = async (request, store, outcomes) => {
  const refused = refusedByRule(request);
  if (refused.size === 0) {
    const written = await store.allOrNone(batchOf(request));
    // If any action was stale or lost, the transaction wrote nothing, so `written` outcomes do not hold.
    if (written.some(({ kind }) => kind === 'moved')) return { moved: idsOf(request) };
    const lost = written.filter(({ kind }) => kind !== 'written');
    settle(lost.length === 0 ? written : lost, request, outcomes, refused);
    if (lost.length === 0) return NOTHING_MOVED;
  }
  await recordEvidence(refused, request, store.alone);
  refuseAll(request, refused, outcomes);
  return NOTHING_MOVED;
};

const NOTHING_MOVED: RoundEnd = { moved: [] };

/**
 * Decides a bulk of either mode that has an idempotency key. Lookup, decision and idempotency record are one
 * transaction. It commits only complete results: a stale action undoes the rest, since a crash between two rounds would
 * otherwise leave half of the bulk recorded. A bulk that decided nothing gets no idempotency record: refusals are not
 * replayed (docs/rest-api.md#idempotency-keys).
 */
export const decideOnce: Round = async (request, store, outcomes) => {
  const { retry } = request;
  if (retry === null) throw new Error('A request without a key cannot be known');
  const refused = refusedByRule(request);
  const isAtomic = request.mode === 'atomic';
  const batch = batchOf(request);
  const done = new Map<number, Outcome>();
  const end = await store.once(
    retry,
    async (writes) => {
      const isHopeless = batch.candidates.length === 0 || (isAtomic && refused.size > 0);
      const written = isHopeless ? [] : await writes.decide(batch);
      const hasMoved = written.some(({ kind }) => kind === 'moved');
      const lost = written.filter(({ kind }) => kind !== 'written');
      const isKept = !hasMoved && lost.length < written.length && !(isAtomic && lost.length > 0);
      if (!hasMoved) settle(isKept ? written : lost, request, done, refused);
      for (const [actionId, refusal] of refused) done.set(actionId, { actionId, refusal });
      if (isKept) await recordEvidence(refused, request, writes);
      return { hasMoved, isKept };
    },
    ({ isKept }) => (isKept ? recordOf(request, done) : null),
  );
  if (end.kind !== 'done')
    return { moved: [], known: end.kind === 'known' ? end.known : await awaitKnown(store, retry) };
  if (end.result.hasMoved) return { moved: idsOf(request) };
  if (!end.result.isKept) {
    await recordEvidence(refused, request, store.alone);
    refuseAll(request, refused, outcomes);
    return NOTHING_MOVED;
  }
  for (const [actionId, outcome] of done) outcomes.set(actionId, outcome);
  return NOTHING_MOVED;
};

/**
 * Returns the idempotency record of a single decision, or null. A replay is refused by the rule too, because its action
 * is decided already, so the record is also looked up after a refusal.
 */
async function knownInstead(
  written: readonly WriteOutcome[],
  isRefused: boolean,
  { retry }: DecisionRequest,
  store: DecisionStore,
): Promise<KnownRequest | null> {
  if (retry === null) return null;
  if (written.some(({ kind }) => kind === 'key_busy')) return awaitKnown(store, retry);
  const isUsed = written.some(({ kind }) => kind === 'key_used');
  if (!isRefused && !isUsed) return null;
  const known = await store.findKnown(retry);
  return known === null && isUsed ? awaitKnown(store, retry) : known;
}

function refuseAll(
  request: DecisionRequest,
  refused: ReadonlyMap<number, Refusal>,
  outcomes: Map<number, Outcome>,
): void {
  for (const actionId of idsOf(request))
    outcomes.set(actionId, { actionId, refusal: refused.get(actionId) ?? refusalOfCompany(actionId) });
}

function idsOf({ items }: DecisionRequest): readonly number[] {
  return items.map(({ actionId }) => actionId);
}
