import type { Checkpoint } from '../domain/checkpoint';
import type { ArchivesStore, StoredGeneration } from '../persistence/audit/archives.store';
import type { StoredCheckpoint, TreeReads } from '../persistence/audit/tree.reads';

/** A note that an archive has to contain, according to the database. */
export interface ExpectedNote {
  readonly note: string;
  readonly treeSize: number;
  /** The number of the last accepted rollback up to and including this note; null before the first. */
  readonly generation: number | null;
}

/** How many checkpoints are read at a time. */
const BATCH = 500;

/**
 * What an organization's archive has to contain, in order: every checkpoint by size, with the checkpoint of each
 * accepted rollback after the one that the log continues from.
 */
export class ExpectedNotes {
  private generations: readonly StoredGeneration[] | null = null;
  private readonly waiting: ExpectedNote[] = [];

  /** @param last the note to continue after; null to start at the beginning */
  constructor(
    private readonly tree: TreeReads,
    private readonly archives: ArchivesStore,
    readonly organizationId: number,
    private last: ExpectedNote | null,
  ) {}

  /** Returns the next note; null after the last. */
  async next(): Promise<ExpectedNote | null> {
    if (this.waiting.length === 0) this.waiting.push(...(await this.batch()));
    return this.waiting.shift() ?? null;
  }

  /** Puts back the note that `next` returned. */
  putBack(note: ExpectedNote | null): void {
    if (note !== null) this.waiting.unshift(note);
  }

  /** Returns the next notes; none after the last. Not to be mixed with `next`. */
  async batch(): Promise<readonly ExpectedNote[]> {
    const size = this.last?.treeSize ?? 0;
    const number = this.last?.generation ?? 0;
    const ahead = (await this.known()).find(({ generation }) => generation > number);
    const rows = await this.tree.checkpointsAfter(this, size, BATCH);
    const before = ahead === undefined ? rows : rows.filter(({ treeSize }) => treeSize <= ahead.treeSize);
    const notes = before.map((row: StoredCheckpoint) => ({
      note: row.note,
      treeSize: row.treeSize,
      generation: this.last?.generation ?? null,
    }));
    if (ahead !== undefined && (before.length < rows.length || rows.length < BATCH))
      notes.push({ note: ahead.note, treeSize: ahead.treeSize, generation: ahead.generation });
    this.last = notes.at(-1) ?? this.last;
    return notes;
  }

  /**
   * Returns whether an accepted rollback later than the given generation abandoned this checkpoint of the archive, which
   * the database does not have.
   */
  async isAbandoned({ treeSize, generation: own }: Checkpoint, generation: number): Promise<boolean> {
    return (await this.known()).some((one) => {
      if (own !== undefined) return one.generation > own.number;
      const isLoss = one.abandonedSize !== one.treeSize || !one.abandonedRoot.equals(one.rootHash);
      return one.generation > generation && isLoss && treeSize <= one.abandonedSize;
    });
  }

  /** Returns the note that the database has in the place of this one; null where it has none. */
  async stored({ treeSize, generation, note }: ExpectedNote): Promise<string | null> {
    const same = (await this.known()).find((one) => one.generation === generation && one.note === note);
    return same?.note ?? (await this.tree.checkpointOfSize(this, treeSize))?.note ?? null;
  }

  private async known(): Promise<readonly StoredGeneration[]> {
    return (this.generations ??= await this.archives.generations(this.organizationId));
  }
}
