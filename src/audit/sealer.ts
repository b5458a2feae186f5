import { messageOf } from '../error-message';
import type { Logger } from '../observability/logger';
import { SYSTEM } from '../persistence/connections/admission';
import type { Database } from '../persistence/sql/database';
import { DatabaseUnavailableError } from '../persistence/connections/outage';
import type { Session } from '../persistence/sql/sql';
import { SealSqlStore } from '../persistence/audit/seal.store';
import { guardSession, SEALER_ANSWER_TIMEOUT } from '../persistence/connections/timeouts';
import { sealRound } from '../use-cases/seal-audit-log';
import { CheckpointFiles } from './checkpoint-archive';
import { RolledBackError } from './archive-errors';
import type { LogKey } from './log-key';

/** The runbook of sealing failures. Some error messages name a more specific section. */
const SEALING_FAILS = 'docs/operations.md#log-cannot-be-sealed';
/** The pause before the next round while there is nothing to seal, in milliseconds. */
const IDLE = 250;
/** The pause of a standby before it tries again to lead, and of any sealer after a failure, in milliseconds. */
const STANDBY = 1_000;

/** How long `stop` waits for the current round, in milliseconds. */
const STOP_TIMEOUT = 3_000;

export interface SealerOptions {
  /** A direct connection, not through a pooler: the session's lock says who leads. */
  readonly database: Database;
  readonly key: LogKey;
  /** The folder of the checkpoint archive. */
  readonly archiveFolder: string;
  readonly log: Logger;
  /** How long the database may take to respond before the connection is dropped, in milliseconds; 20 s by default. */
  readonly answerTimeout?: number;
  /**
   * Called with the reason when the database lacks an archived checkpoint, so that nothing may be written; called with
   * null once that is over.
   */
  readonly onRolledBack?: (reason: string | null) => void;
}

/** The state of a sealer. */
export interface SealerStatus {
  /** Whether this process leads; all others stand by. */
  readonly isActive: boolean;
  /** How many entries this process has sealed. */
  readonly sealed: number;
  /** Organizations that cannot be sealed, and why. */
  readonly failures: ReadonlyMap<number, string>;
}

/**
 * Seals the audit log in the background. It runs in every process, and one of them leads. It may be killed at any
 * point: leaves, nodes, checkpoint and queue change in one transaction, and the archive catches up later.
 */
export class Sealer {
  private isStopped = false;
  private wake: () => void = () => undefined;
  private running: Promise<void> = Promise.resolve();
  private session: Session | null = null;
  private state: SealerStatus = {
    isActive: false,
    sealed: 0,
    failures: new Map(),
  };

  constructor(private readonly options: SealerOptions) {}

  get status(): SealerStatus {
    return this.state;
  }

  start(): void {
    this.running = this.run();
  }

  /** Stops after the current round; another process takes over. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.wake();
    // An unresponsive connection would delay the end of the round until its timeout.
    const timer = setTimeout(() => this.session?.sever(), STOP_TIMEOUT);
    await this.running;
    clearTimeout(timer);
  }

  private async run(): Promise<void> {
    while (!this.isStopped) {
      let session: Session | null = null;
      try {
        session = await this.options.database.session(
          SYSTEM,
          this.options.answerTimeout ?? SEALER_ANSWER_TIMEOUT,
        );
        this.session = session;
        await guardSession(session);
        await this.lead(session);
        session.release(true);
      } catch (error) {
        session?.release(true);
        this.options.log.warn({ err: error }, 'the audit log cannot be sealed at the moment');
      }
      // The next leader reports what cannot be sealed.
      this.state = { ...this.state, isActive: false, failures: new Map() };
      this.options.onRolledBack?.(null);
      await this.pause(STANDBY);
    }
  }

  /** Waits until it leads, then seals until it is stopped or its connection fails. */
  private async lead(session: Session): Promise<void> {
    const store = new SealSqlStore(session);
    const { archiveFolder, key } = this.options;
    const { tree, archives } = store;
    const isLeading = (): Promise<boolean> => store.isLeading();
    let [isVouchedFor, isKnown, isCompared] = [false, false, false];
    const archive = new CheckpointFiles({
      ...{ folder: archiveFolder, tree, archives, keys: key.keys, isLeading },
      isVouchedFor: () => isVouchedFor,
    });
    for (;;) {
      // A rollback cuts the connection, so one comparison per connection is enough unless it finds one.
      if (!isCompared) {
        const rollback = await this.use(() => archive.findRollback());
        isCompared = rollback === null;
        this.options.onRolledBack?.(rollback?.message ?? null);
      }
      if (this.isStopped || (await store.tryLead())) break;
      // The leader checks its own archive against the database, so an archive that is new here may be filled later.
      if (!isKnown) {
        const joined = await this.use(() => archive.join());
        isVouchedFor ||= joined !== null;
        isKnown = joined === true;
      }
      await this.pause(STANDBY);
    }
    // The previous leader may have been killed between sealing and archiving, or the database rolled back since.
    let also = await store.sealed();
    let askedAt = -Infinity;
    while (!this.isStopped) {
      // Another process may tell at any time of what its archive holds, of an organization where nothing happens too.
      if (performance.now() - askedAt >= STANDBY) {
        also = [...also, ...(await archives.behind())];
        askedAt = performance.now();
      }
      const round = await sealRound(store, archive, this.options.key, also);
      const { sealed, isMore, failures } = round;
      also = [...failures.keys()];
      this.report(sealed, failures);
      const rolledBack = [...failures.values()].find((error) => error instanceof RolledBackError);
      this.options.onRolledBack?.(rolledBack?.message ?? null);
      const outage = [...failures.values()].find((error) => error instanceof DatabaseUnavailableError);
      if (outage !== undefined) throw outage;
      if (!isMore) await this.pause(failures.size > 0 ? STANDBY : IDLE);
    }
  }

  /**
   * Returns the result of a call to the archive. Returns null if it fails; the failure is reported again when leading.
   */
  private async use<T>(ask: () => Promise<T>): Promise<T | null> {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof DatabaseUnavailableError) throw error;
      this.options.log.warn({ err: error }, 'the archive of checkpoints cannot be used by this process');
      return null;
    }
  }

  private report(sealed: number, failures: ReadonlyMap<number, unknown>): void {
    const { failures: known } = this.state;
    const messages = new Map(
      [...failures].map(([organizationId, error]) => [organizationId, messageOf(error)]),
    );
    for (const [organizationId, error] of failures)
      // Logged once per cause, not four times a second.
      if (known.get(organizationId) !== messageOf(error))
        this.options.log.error(
          { err: error, organizationId, runbook: SEALING_FAILS },
          'the audit log of an organization cannot be sealed',
        );
    this.state = {
      isActive: true,
      sealed: this.state.sealed + sealed,
      failures: messages,
    };
  }

  private async pause(milliseconds: number): Promise<void> {
    if (this.isStopped) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
