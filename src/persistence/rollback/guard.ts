import { messageOf } from '../../error-message';
import { DatabaseUnavailableError } from '../connections/outage';
import type { FencedSequence, Sql } from '../sql/sql';
import { Blocks, SKIPPED, SKIPPED_BLINDLY } from './blocks';
import { foldMarks, refusalOf, type Known } from './comparison';
import { advanceSequence, readState, reportRollback, type DatabaseState } from './database-state';
import type { GuardStatus, RollbackGuardOptions } from './guard-options';
import { MarksFolder } from './marks-folder';
import type { CommittedEntry, Fence, WriteGuard } from './write-guard';

const SEQUENCES = ['action', 'audit'] as const;
/** How often the database is compared and the marks are written, in milliseconds. */
const INTERVAL = 250;
/** How often unchanged marks are written, in milliseconds. A file that is no longer written counts as stale. */
const HEARTBEAT = 60_000;

/**
 * Refuses a database that was restored to an older state, and reserves ids outside of the database before they are
 * used.
 *
 * No id is used twice: `next_fenced_id` draws no id beyond the mark in this process's file. Before anything is drawn
 * from another server (after a restart, failover or restore), the sequences are moved past every known mark.
 */
export class RollbackGuard implements WriteGuard {
  private readonly marks: MarksFolder;
  private readonly blocks = new Blocks();
  private readonly committed: CommittedEntry[] = [];
  private known: Known | null = null;
  private isClosed = false;
  private timer: NodeJS.Timeout | null = null;
  private isDirty = false;
  private writtenAt = 0;
  private behind: string | null = null;
  private archiveFault: string | null = null;
  /**
   * How often in a row, in the present generation, the archive was found to be ahead. The first time may come from before
   * a rollback was accepted.
   */
  private archiveFaults = 0;
  private reservationFailure: string | null = null;

  constructor(private readonly options: RollbackGuardOptions) {
    this.marks = new MarksFolder(options.folder);
  }

  get status(): GuardStatus {
    return { refusal: this.behind ?? this.archiveFault, reservationFailure: this.reservationFailure };
  }

  /**
   * Compares the database several times a second from now on.
   * @param sql the guarded database
   */
  watch(sql: Sql): void {
    let isBusy = false;
    this.timer = setInterval(() => {
      if (isBusy) return;
      isBusy = true;
      this.compareAndReport(sql)
        // Statements that need the database report that it is away; it is compared as soon as it is back.
        .catch(() => undefined)
        .finally(() => (isBusy = false));
    }, INTERVAL).unref();
  }

  /**
   * Releases the unused ids. No ids may be drawn afterwards.
   * @param sql null where the database is unreachable
   */
  async close(sql: Sql | null): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    this.isClosed = true;
    if (this.known === null) return;
    const state = sql === null ? null : await readState(sql, this.committed).catch(() => null);
    if (state !== null && this.isCurrent(state) && this.status.refusal === null)
      this.known = { ...this.known, reserved: state.drawn };
    try {
      this.marks.write({ ...this.known, committed: this.committed, isClosed: true }, true);
    } catch (error) {
      this.options.say(`the reserved ids were not written: ${messageOf(error)}`);
    }
  }

  /** Sets the result of comparing the archived checkpoints: a reason to refuse the database, or null. */
  setArchiveFault(reason: string | null): void {
    if (reason !== this.archiveFault && reason !== null) this.options.say(reason);
    this.archiveFault = reason;
    this.archiveFaults = reason === null ? 0 : this.archiveFaults + 1;
  }

  async admit(sequence: FencedSequence, sql: Sql): Promise<Fence> {
    if (this.writtenAt === 0 || this.known?.instance == null) await this.compare(sql);
    const { refusal } = this.status;
    if (refusal !== null)
      throw new DatabaseUnavailableError('rolled_back', false, { cause: new Error(refusal) });
    if (this.writtenAt === 0 || this.known?.instance == null)
      throw new DatabaseUnavailableError('unreserved', false, {
        cause: new Error(this.reservationFailure ?? 'the marks were not written'),
      });
    return [this.known.reserved[sequence], this.known.instance];
  }

  remember(entry: CommittedEntry): void {
    this.committed.push(entry);
    while (this.committed.length > this.options.remembered) this.committed.shift();
    this.isDirty = true;
  }

  async compareConnection(sql: Sql): Promise<void> {
    if (this.known !== null) await this.compare(sql);
  }

  /**
   * Compares the database with the marks. Calls may overlap on several connections: every change of state is made
   * without an await and only moves forward.
   */
  async compare(sql: Sql): Promise<void> {
    const first = this.known === null ? await readState(sql, []) : null;
    const known = this.known ?? (first === null ? null : this.begin(first));
    if (known === null) return;
    let state = await readState(sql, this.committed);
    if (state.database !== known.database && this.options.isNewDatabaseTaken === true) {
      this.committed.length = 0;
      this.behind = null;
      this.begin(state);
    } else if (state.generation > known.generation) this.accept(state, known);
    else this.judge(state, known);
    if (this.behind !== null) return;
    if (!this.isCurrent(state)) state = await this.move(sql, state);
    this.reserve(state);
  }

  /**
   * Compares the database, and tells the other processes if it was rolled back. What is missing may have been written by
   * this process alone, so they would not notice.
   */
  private async compareAndReport(sql: Sql): Promise<void> {
    await this.compare(sql);
    const { known } = this;
    if (known === null || (this.behind === null && this.archiveFaults < 2)) return;
    const { database, generation, isReported } = await readState(sql, []);
    // Another database is not behind for the processes that it belongs to, nor is one whose rollback was just accepted.
    if (database === known.database && generation <= known.generation && !isReported)
      await reportRollback(sql, generation);
  }

  /** Takes over the marks of other processes for this database. */
  private begin(state: DatabaseState): Known {
    const others = this.marks.read(state.database);
    const { folder, note } = this.options;
    if (others.length === 0)
      note?.(`no ids were reserved in ${folder} before: this database is accepted as it is`);
    const { known, committed } = foldMarks(others, state);
    for (const entry of committed) this.committed.push(entry);
    this.known = known;
    return known;
  }

  /** Returns the newest accepted rollback that this process knows; 0 before the first. */
  async latestGeneration(sql: Sql): Promise<number> {
    return (this.known ?? this.begin(await readState(sql, []))).generation;
  }

  /**
   * Accepts the database as it is. Other processes' reservations exceed the marks read here by less than a block.
   * @param sql the transaction that writes the new generation
   * @param isBlind whether a machine was lost together with its marks; more ids are skipped then
   */
  async acceptRollback(sql: Sql, { isBlind }: { readonly isBlind: boolean }): Promise<void> {
    const state = await readState(sql, []);
    const known = this.known ?? this.begin(state);
    this.committed.length = 0;
    const skipped = isBlind ? SKIPPED_BLINDLY : SKIPPED;
    const reserved = {
      action: Math.max(known.reserved.action, state.drawn.action) + skipped.action,
      audit: Math.max(known.reserved.audit, state.drawn.audit) + skipped.audit,
    };
    this.known = { ...known, instance: null, generation: state.generation, reserved };
    await this.compare(sql);
  }

  private judge(state: DatabaseState, known: Known): void {
    const refusal = refusalOf(state, known, this.committed.length);
    if (refusal === null && this.behind !== null)
      this.options.note?.('the database again holds everything that was written');
    else if (refusal !== null && refusal !== this.behind) this.options.say(refusal);
    this.behind = refusal;
  }

  /** Follows an accepted rollback: entries that were lost with it are no longer expected. */
  private accept(state: DatabaseState, known: Known): void {
    this.options.note?.(`rollback accepted: the audit log is at generation ${String(state.generation)}`);
    this.committed.length = 0;
    this.behind = null;
    this.archiveFaults = 0;
    this.known = { ...known, instance: null, generation: state.generation };
    this.isDirty = true;
    this.judge({ ...state, missing: 0 }, this.known);
  }

  private isCurrent(state: DatabaseState): boolean {
    return this.known?.instance === state.instance;
  }

  /** Switches to another server: moves the sequences past everything that was reserved, used or not. */
  private async move(sql: Sql, state: DatabaseState): Promise<DatabaseState> {
    for (const sequence of SEQUENCES)
      if (this.known !== null && state.drawn[sequence] < this.known.reserved[sequence])
        await advanceSequence(sql, sequence, this.known.reserved[sequence]);
    const moved = await readState(sql, this.committed);
    if (moved.instance !== state.instance)
      throw new DatabaseUnavailableError('unreachable', false, {
        cause: new Error('The server changed while it was compared'),
      });
    if (this.known !== null) this.known = { ...this.known, instance: moved.instance };
    this.isDirty = true;
    return moved;
  }

  /** Reserves the next ids where less than half a block is left: in the file first, then in memory. */
  private reserve(state: DatabaseState): void {
    const { known } = this;
    if (known === null || this.isClosed) return;
    const next = { ...known.reserved };
    const blocks = this.blocks.sizesAt(state.drawn, performance.now());
    for (const sequence of SEQUENCES)
      if (state.drawn[sequence] + blocks[sequence] / 2 > next[sequence])
        next[sequence] = state.drawn[sequence] + blocks[sequence];
    const isRaised = SEQUENCES.some((sequence) => next[sequence] > known.reserved[sequence]);
    if (!isRaised && !this.isDirty && Date.now() - this.writtenAt < HEARTBEAT) return;
    try {
      this.isDirty = false;
      this.marks.write(
        { ...known, reserved: next, committed: this.committed, isClosed: false },
        isRaised || this.writtenAt === 0,
      );
      if (this.writtenAt === 0) this.marks.dropFolded(known.database);
      this.writtenAt = Date.now();
      this.known = { ...known, reserved: next };
      if (this.reservationFailure !== null) this.options.note?.('ids can be reserved again');
      this.reservationFailure = null;
    } catch (error) {
      this.isDirty = true;
      const failure = `No ids can be reserved in ${this.options.folder}: ${messageOf(error)} (docs/operations.md#archive-cannot-be-written)`;
      if (this.reservationFailure !== failure) this.options.say(failure);
      this.reservationFailure = failure;
    }
  }
}
