import type { IdempotencyKey, IdempotencyRecord } from '../../domain/idempotency';
import type { ApprovalPolicy } from '../../domain/policy';
import type { Tenant } from '../../domain/principal';
import type {
  NewAction,
  SubmissionOutcome,
  SubmissionStore,
} from '../../use-cases/submissions/submission-store';
import { DatabaseUnavailableError } from '../connections/outage';
import { findRecord } from '../decisions/idempotency-records.store';
import { PolicyReads } from '../policy/policies.reads';
import { Batcher, SHARED_WRITES } from '../sql/batcher';
import type { Sql } from '../sql/sql';
import { prepare, type Preparation, type Prepared } from './prepare';
import { submit, written, type WrittenAction } from './submit';

/** Maximum size of the contents per statement, in bytes. A submission that is larger has a statement of its own. */
const MAX_BYTES = 1_048_576;

/** Stores submitted actions. Submissions of one organization share statements; each has its own outcome. */
export class SubmissionsStore implements SubmissionStore {
  private readonly preparations: Batcher<Preparation, Prepared>;
  private readonly additions: Batcher<WrittenAction, SubmissionOutcome>;

  /** @param mostPending limit of pending actions per submitter; null for no limit */
  constructor(
    private readonly sql: Sql,
    private readonly mostPending: number | null,
  ) {
    this.preparations = new Batcher((asked) => prepare(sql, asked), {
      ...SHARED_WRITES,
      partitionOf: ({ organizationId }) => organizationId,
    });
    this.additions = new Batcher((actions) => this.addTogether(actions), {
      ...SHARED_WRITES,
      partitionOf: ({ action }) => action.submitter.organizationId,
      maxBytes: MAX_BYTES,
      bytesOf: ({ content }) => Buffer.byteLength(content),
    });
  }

  prepare({ organizationId }: Tenant, submitters: readonly number[]): Promise<Prepared> {
    return this.preparations.submit({ organizationId, submitters });
  }

  policyNow(tenant: Tenant): Promise<ApprovalPolicy> {
    return new PolicyReads(this.sql).current(tenant);
  }

  findRecord(idempotencyKey: IdempotencyKey): Promise<IdempotencyRecord | null> {
    return findRecord(this.sql, idempotencyKey);
  }

  async add(action: NewAction): Promise<SubmissionOutcome> {
    const { idempotencyKey } = action;
    return this.additions.submit(written(action)).catch(async (error: unknown) => {
      if (idempotencyKey === null || error instanceof DatabaseUnavailableError) throw error;
      // The key can have been taken at the last moment, which undoes the statement. Its holder has committed then.
      const known = await this.findRecord(idempotencyKey);
      if (known === null) throw error;
      return { kind: 'known', known };
    });
  }

  /** Stores actions together. Only one whose rows are locked waits for them, in a statement of its own. */
  private async addTogether(
    actions: readonly WrittenAction[],
  ): Promise<readonly (SubmissionOutcome | Promise<SubmissionOutcome>)[]> {
    const outcomes = await submit(this.sql, actions, this.mostPending, 'skip');
    return actions.map((action, index) => outcomes[index] ?? this.addAlone(action));
  }

  private async addAlone(action: WrittenAction): Promise<SubmissionOutcome> {
    const [outcome] = await submit(this.sql, [action], this.mostPending, 'wait');
    if (outcome === undefined || outcome === null)
      throw new Error('The statement gave no outcome for a submission');
    return outcome;
  }
}
