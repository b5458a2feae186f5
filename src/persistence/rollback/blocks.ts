import type { FencedSequence } from '../sql/sql';

type Counts = Readonly<Record<FencedSequence, number>>;

/** How many ids are reserved at once, at least. Reserved ids that a crash left unused are never used. */
const SMALLEST: Counts = { action: 1_000, audit: 10_000 };
/** How many smallest blocks the largest block has. */
const LARGEST = 10;
/** For how many periods a block lasts at the present pace. */
const PERIODS = 8;
/** How long the pace is measured, in milliseconds. */
const PERIOD = 250;

const LARGEST_BLOCK = times(LARGEST, SMALLEST);

/** How many ids are skipped where a rollback is accepted: what other processes may have reserved beyond known marks. */
export const SKIPPED: Counts = LARGEST_BLOCK;
/** The same, where a machine was lost together with its marks. */
export const SKIPPED_BLINDLY: Counts = times(10, LARGEST_BLOCK);

function times(factor: number, { action, audit }: Counts): Counts {
  return { action: factor * action, audit: factor * audit };
}

/**
 * Chooses how many ids to reserve at once. Where many are drawn, a smallest block would be used up before the next one is
 * reserved, and statements would be refused meanwhile.
 */
export class Blocks {
  private seen: { readonly at: number; readonly drawn: Counts } | null = null;
  private pace: Counts = { action: 0, audit: 0 };

  /**
   * Returns the size of a sequence's next block.
   * @param drawn the last drawn ids
   * @param now a time in milliseconds
   */
  sizesAt(drawn: Counts, now: number): Counts {
    const { seen } = this;
    if (seen === null || now - seen.at >= PERIOD) {
      if (seen !== null) {
        const periods = (now - seen.at) / PERIOD;
        this.pace = {
          action: (drawn.action - seen.drawn.action) / periods,
          audit: (drawn.audit - seen.drawn.audit) / periods,
        };
      }
      this.seen = { at: now, drawn };
    }
    return { action: this.sizeOf('action'), audit: this.sizeOf('audit') };
  }

  private sizeOf(sequence: FencedSequence): number {
    const wanted = Math.ceil(PERIODS * this.pace[sequence]);
    return Math.min(Math.max(wanted, SMALLEST[sequence]), LARGEST_BLOCK[sequence]);
  }
}
