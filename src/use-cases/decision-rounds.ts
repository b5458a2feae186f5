import type { Refusal } from '../domain/refusal';
import type { KnownRequest } from '../domain/retry';
import { refusalOfCompany } from '../domain/decision-refusals';
import { batchOf, type DecisionRequest } from './decision-batch';
import { recordEvidence, refusedByRule, settle, type Outcome } from './decision-outcomes';
import type { DecisionStore, DecisionWrites, WriteOutcome } from './decision-store';
import { awaitKnown } from './known-request';
import { recordOf } from './known-decision';

/** How a round ended. */
export interface RoundEnd {
  /** The ids that have to be authorized anew. */
  readonly moved: readonly number[];
  /** Where the request had come before: what came of it, which stands instead of all else. */
  readonly known?: KnownRequest | null;
}

/** Decides once what it can, and files every outcome that is final. */
export type Round = (
  request: DecisionRequest,
  store: DecisionStore,
  outcomes: Map<number, Outcome>,
) => Promise<RoundEnd>;

/** Best effort: each action by itself, the decisions and the evidence of refusals in one commit. */
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
  // A single decision needs no transaction: it is either one decision or one refusal, never both.
  const end = await (request.items.length === 1
    ? write(store.alone)
    : store.together(request.reviewer, write));
  for (const [actionId, refusal] of refused) outcomes.set(actionId, { actionId, refusal });
  return end;
};

/** All or none: one refusal, by the rule or by a lost race, decides none of the actions. */
export const decideAllOrNone: Round = async (request, store, outcomes) => {
  const refused = refusedByRule(request);
  if (refused.size === 0) {
    const written = await store.allOrNone(batchOf(request));
    // Nothing was written where anything moved or was lost: what the others say of themselves is not so.
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
 * A bulk that may come again, of either mode: looked up, decided and remembered in one transaction. It commits only
 * where it is the whole of it; what moved undoes the rest, or a crash between two rounds would leave half of it known.
 * A bulk that decided nothing is not remembered: refusals are not told again (docs/rest-api.md#idempotency-keys).
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

/** What a single decision came to when it came before, if it did: what was done before is refused by the rule as well. */
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
