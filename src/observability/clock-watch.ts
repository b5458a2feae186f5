import type { Logger } from './logger';

/** From how far apart on the clocks are said to differ, in seconds. Tokens are refused from 30 on, or once they expired. */
const TOLERANCE = 5;

/**
 * Makes what compares the gateway's clock with the database's. Tokens are judged by the gateway's, decisions are dated
 * by the database's: a gateway whose clock is off refuses fresh tokens, or takes expired ones. Logs when that begins
 * and when it ends.
 * @param readDatabaseTime takes as long as it takes: half of that is allowed for
 * @param onOffset told how far the gateway's clock is ahead, in seconds; negative where it is behind
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
        `the clock of this gateway is ${String(seconds)} s ${offset > 0 ? 'ahead of' : 'behind'} the database's: good tokens may be refused and expired ones taken; synchronize both with NTP`,
      );
    else
      log.info({ clockOffsetSeconds: offset }, "the clock of this gateway agrees with the database's again");
  };
}
