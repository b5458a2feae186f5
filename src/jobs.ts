import type { FastifyInstance } from 'fastify';
import { runInBackground, type BackgroundWork } from './background';
import { makeCompareClocks } from './observability/clock-watch';
import type { Logger } from './observability/logger';
import type { Metrics } from './observability/metrics';
import { purgeIdempotencyRecords } from './persistence/decisions/idempotency-records.store';
import { purgeThrottle } from './persistence/decisions/refusals.store';
import type { ApiKeyUses } from './persistence/people/api-key-uses';
import { databaseTime } from './persistence/sql/clock.reads';
import type { Database } from './persistence/sql/database';

/** How often expired throttle rows and idempotency records are purged, and omitted denials counted, in milliseconds. */
const PURGE_INTERVAL = 60_000;
const SWEEP_INTERVAL = 5_000;
/** How often the gateway's clock is compared with the database's, in milliseconds. */
const CLOCK_INTERVAL = 5_000;
/** How often the last uses of API keys are written, in milliseconds. Each key is written at most once a minute. */
const KEY_USE_INTERVAL = 5_000;

interface JobOptions {
  readonly database: Database;
  readonly keyUses: ApiKeyUses;
  readonly expireActions: BackgroundWork['run'];
  readonly closeRefusals: BackgroundWork['run'];
  readonly metrics: Metrics;
  readonly clock: () => Date;
  readonly log: Logger;
  /** See `AppOptions`. */
  readonly sweepEveryMs?: number | undefined;
}

/** Starts what the application does by itself. It stops when the server closes. */
export function startJobs(
  server: FastifyInstance,
  {
    database,
    keyUses,
    expireActions,
    closeRefusals,
    metrics,
    clock,
    log,
    sweepEveryMs = SWEEP_INTERVAL,
  }: JobOptions,
): void {
  const writeKeyUses = async (): Promise<void> => {
    await keyUses.write();
    keyUses.forget(clock());
  };
  const compareClocks = makeCompareClocks(
    () => databaseTime(database),
    clock,
    log,
    (seconds) => {
      metrics.setClockOffset(seconds);
    },
  );
  const stop = runInBackground(
    [
      {
        name: 'purge the throttle of denied attempts',
        everyMs: PURGE_INTERVAL,
        run: (signal) => purgeThrottle(database, signal),
      },
      {
        name: 'record how many denied attempts were throttled',
        everyMs: PURGE_INTERVAL,
        run: closeRefusals,
      },
      {
        name: 'purge old idempotency records',
        everyMs: PURGE_INTERVAL,
        run: (signal) => purgeIdempotencyRecords(database, signal),
      },
      { name: 'compare clocks with the database', everyMs: CLOCK_INTERVAL, run: compareClocks },
      { name: 'expire overdue actions', everyMs: sweepEveryMs, run: expireActions },
      { name: 'record when API keys were used', everyMs: KEY_USE_INTERVAL, run: writeKeyUses },
    ],
    log,
  );
  server.addHook('onClose', async () => {
    await stop();
    // Writes the latest uses. If the database is unavailable, the stored uses are at most a minute too old.
    await writeKeyUses().catch(() => undefined);
  });
}
