import type { Logger } from '../observability/logger';
import { SYSTEM } from '../persistence/admission';
import { DatabaseUnavailableError, type Database, type Session } from '../persistence/database';
import { SealSqlStore } from '../persistence/seal.store';
import { guardSession, SEALER_ANSWER_TIMEOUT } from '../persistence/timeouts';
import { sealRound } from '../use-cases/seal-audit-log';
import { CheckpointFiles, RolledBackError } from './checkpoint-archive';
import type { LogKey } from './log-key';

/** Where an operator reads what to do. Some failures name a section of their own. */
const SEALING_FAILS = 'docs/operations.md#log-cannot-be-sealed';
/** How long to wait before the next look while there is nothing to seal, in milliseconds. */
const IDLE = 250;
/** How long a standby waits before it asks again to lead, and anybody after a failure, in milliseconds. */
const STANDBY = 1_000;

/** How long stopping waits for the round under way, in milliseconds. */
const STOP_TIMEOUT = 3_000;

export interface SealerOptions {
  /** Direct, not through a pooler: its session's lock says who seals. */
  readonly database: Database;
  readonly key: LogKey;
  /** Where checkpoints are kept outside the database. */
  readonly archiveFolder: string;
  readonly log: Logger;
  /** How long the database may take to answer before its connection is given up, in milliseconds; 20 s, if not given. */
  readonly answerTimeout?: number;
  /** Told when an archived checkpoint is not in the database, and why nothing may be written; null once that is over. */
  readonly onRolledBack?: (reason: string | null) => void;
}

/** What a sealer is doing. */
export interface SealerStatus {
  /** Whether this process seals; all others stand by. */
  readonly isActive: boolean;
  /** Entries sealed by this process. */
  readonly sealed: number;
  /** Organizations that cannot be sealed, and why. */
  readonly failures: ReadonlyMap<number, string>;
}

/**
 * Seals the audit log beside the requests, in every process, with one of them active. It may be killed at any point:
 * leaves, nodes, checkpoint and the queue change in one transaction, and the archive catches up with them later.
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

  /** Ends after the round under way; another process takes over. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.wake();
    // A connection that is silent would keep the round for as long as its time-out says.
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
      // What it could not seal is the next leader's to tell.
      this.state = { ...this.state, isActive: false, failures: new Map() };
      this.options.onRolledBack?.(null);
      await this.pause(STANDBY);
    }
  }

  /** Waits for its turn and seals until it is stopped; a connection that fails ends it. */
  private async lead(session: Session): Promise<void> {
    const store = new SealSqlStore(session);
    const { archiveFolder, key } = this.options;
    const { tree, archives } = store;
    const isLeading = (): Promise<boolean> => store.isLeading();
    const options = { folder: archiveFolder, tree, archives, keys: key.keys, isLeading };
    const own = new CheckpointFiles(options);
    await this.use(() => own.tell());
    let [isVouchedFor, isKnown] = [false, false];
    while (!this.isStopped && !(await store.tryLead())) {
      // Whoever leads holds its own archive against the database: one that is new here may be filled from it later.
      if (!isKnown) {
        const joined = await this.use(() => own.join());
        isVouchedFor ||= joined !== null;
        isKnown = joined === true;
      }
      await this.pause(STANDBY);
    }
    const archive = new CheckpointFiles({ ...options, isVouchedFor });
    // Whoever sealed before may have been killed between a checkpoint and its archive, or the database rolled back since.
    let also = await store.sealed();
    while (!this.isStopped) {
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

  /** What the archive answers; null where it cannot be used, which whoever leads with it tells as a failure. */
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
      // Said once, not four times a second.
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
