import type { Tenant } from '../../domain/principal';
import type { IdempotencyRecord, IdempotencyKey } from '../../domain/idempotency';
import type {
  DecisionBatch,
  DecisionStore,
  DecisionWrites,
  OnceOutcome,
  WriteOutcome,
} from '../../use-cases/decisions/decision-store';
import { decisionOf } from '../connections/admission';
import { decide } from './decide';
import type { Database } from '../sql/database';
import type { Sql } from '../sql/sql';
import { Batcher, SHARED_WRITES } from '../sql/batcher';
import { claimKey, findRecord, storeRecord } from './idempotency-records.store';
import { recordRefusals } from './refusals.store';

export interface DecisionsStoreEvents {
  /** Called with the number of denied attempts that the throttle left out. */
  readonly onThrottled: (count: number) => void;
  /** Called with the number of single decisions in a statement. */
  readonly onBatch: (size: number) => void;
}

/** Writes decisions and denial records. */
export class DecisionSqlStore implements DecisionStore {
  readonly ownTransaction: DecisionWrites;
  private readonly singles: Batcher<DecisionBatch, readonly WriteOutcome[]>;

  constructor(
    private readonly database: Database,
    private readonly events: DecisionsStoreEvents,
  ) {
    this.singles = new Batcher((batches) => this.decideTogether(batches), {
      ...SHARED_WRITES,
      partitionOf: ({ reviewer }) => reviewer.organizationId,
      keyOf: ({ candidates }) => candidates[0]?.action.id,
      onBatch: events.onBatch,
    });
    this.ownTransaction = {
      ...this.writesIn(database),
      decide: (batch) => this.decideInOwnTransaction(batch),
    };
  }

  together<T>(tenant: Tenant, work: (writes: DecisionWrites) => Promise<T>): Promise<T> {
    return this.database.transaction((sql) => work(this.writesIn(sql)), decisionOf(tenant));
  }

  findRecord(idempotencyKey: IdempotencyKey): Promise<IdempotencyRecord | null> {
    return findRecord(this.database, idempotencyKey);
  }

  once<T>(
    idempotencyKey: IdempotencyKey,
    work: (writes: DecisionWrites) => Promise<T>,
    outcomeOf: (result: T) => unknown,
  ): Promise<OnceOutcome<T>> {
    return this.database.transactionIf<OnceOutcome<T> & { isKept: boolean }>(
      async (sql) => {
        const claim = await claimKey(sql, idempotencyKey);
        if (claim === 'busy') return { kind: 'busy', isKept: false };
        // Read after the claim: a previous holder of the key has committed by now.
        const known = await findRecord(sql, idempotencyKey);
        if (known !== null) return { kind: 'known', known, isKept: false };
        const result = await work(this.writesIn(sql));
        const outcome = outcomeOf(result);
        if (outcome !== null) await storeRecord(sql, idempotencyKey, outcome);
        return { kind: 'done', result, isKept: outcome !== null };
      },
      ({ isKept }) => isKept,
      decisionOf(idempotencyKey),
    );
  }

  async allOrNone(batch: DecisionBatch): Promise<readonly WriteOutcome[]> {
    return this.database.transactionIf(
      (sql) => decideBatch(sql, batch),
      (outcomes) => outcomes.every(({ kind }) => kind === 'written'),
      decisionOf(batch.reviewer),
    );
  }

  private writesIn(sql: Sql): DecisionWrites {
    return {
      decide: (batch) => decideBatch(sql, batch),
      refuse: async (drafts) => {
        this.events.onThrottled(drafts.length - (await recordRefusals(sql, drafts)));
      },
    };
  }

  /**
   * Decides in its own transaction. Single decisions of one organization share a statement; each has its own outcome.
   */
  private decideInOwnTransaction(batch: DecisionBatch): Promise<readonly WriteOutcome[]> {
    return batch.candidates.length === 1 ? this.singles.submit(batch) : decideBatch(this.database, batch);
  }

  /** Decides batches together. Only a decision whose rows are locked waits for them, in a statement of its own. */
  private async decideTogether(
    batches: readonly DecisionBatch[],
  ): Promise<readonly (readonly WriteOutcome[] | Promise<readonly WriteOutcome[]>)[]> {
    const outcomes = await decide(this.database, batches, 'skip');
    return batches.map((batch, index) => {
      const written = outcomes[index]?.filter((outcome) => outcome !== null) ?? [];
      return written.length === batch.candidates.length ? written : decideBatch(this.database, batch);
    });
  }
}

async function decideBatch(sql: Sql, batch: DecisionBatch): Promise<readonly WriteOutcome[]> {
  const [outcomes = []] = await decide(sql, [batch], 'wait');
  return outcomes.filter((outcome) => outcome !== null);
}
