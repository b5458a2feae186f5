import type { Logger } from './logger';

/** The difference of the clocks that is reported, in seconds. From 30 s on, fresh tokens can be refused. */
const TOLERANCE = 5;

/**
 * Creates the function that compares the gateway's clock with the database's. Tokens are checked against the gateway's
 * clock, which may refuse fresh tokens or accept expired ones if it is wrong. Decisions are dated by the database's.
 * A difference is logged when it begins and when it ends.
 * @param readDatabaseTime half of its duration is added to the tolerance
 * @param onOffset called with how far the gateway's clock is ahead, in seconds; negative if it is behind
 */
export function makeCompareClocks(
  readDatabaseTime: () => Promise<Date>,
  clock: () => Date,
  log: Logger,
  onOffset: (seconds: number) => void,
): () => Promise<void> {
  let isOff = false;
  return async () => {
    const before = clock().getTime();
    const database = (await readDatabaseTime()).getTime();
    const after = clock().getTime();
    const offset = ((before + after) / 2 - database) / 1_000;
    const uncertainty = Math.max(0, after - before) / 2_000;
    onOffset(offset);
    const wasOff = isOff;
    isOff = Math.abs(offset) > TOLERANCE + uncertainty;
    if (isOff === wasOff) return;
    const seconds = Math.round(Math.abs(offset));
    if (isOff)
      log.warn(
        { clockOffsetSeconds: offset, runbook: 'docs/operations.md#clock-is-wrong' },
        `the clock of this gateway is ${String(seconds)} s ${offset > 0 ? 'ahead of' : 'behind'} the database's: valid tokens may be refused and expired tokens accepted; synchronize both with NTP`,
      );
    else
      log.info({ clockOffsetSeconds: offset }, "the clock of this gateway agrees with the database's again");
  };
}
