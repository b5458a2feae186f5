import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Registry } from 'prom-client';
import type { SealerStatus } from '../audit/sealer';
import type { GuardStatus } from '../persistence/rollback/guard-options';
import type { SealBacklog } from '../persistence/audit/seal-backlog.reads';
import { DatabaseUnavailableError } from '../persistence/connections/outage';
import { RefusedError } from '../domain/refusal';
import { VERSION } from '../version';
import { allowOnly } from '../api/allowed-methods';
import { sharedFor } from './shared-for';

/** The state that health, readiness and metrics report. */
export interface HealthOptions {
  /** Checks that the database accepts writes. @throws {DatabaseUnavailableError} if it does not, in time */
  readonly checkWrites: () => Promise<void>;
  /** Reads the backlog of entries to seal. @throws {DatabaseUnavailableError} if the database cannot be reached */
  readonly backlog: () => Promise<SealBacklog>;
  /** The state of this process's sealer; null if it has none. */
  readonly sealer: () => SealerStatus | null;
  /** Whether the process was told to stop. It still serves requests, but is not ready for new ones. */
  readonly isStopping: () => boolean;
  /** Whether the database is refused, and whether ids can be reserved. */
  readonly guard: () => GuardStatus | null;
  readonly metrics: Registry;
  /** `development` or `production`. */
  readonly environment: string;
  /** Sets `request.principal`. Refuses an invalid credential. */
  readonly identify: (request: FastifyRequest) => Promise<void>;
}

/** Exempts a path from load shedding and rate limits. rest/openapi/refusals lists the same paths. */
const PROBE = { config: { probe: true } } as const;

/** Adds the paths for liveness, readiness, metrics and deployment information, none of which requires a credential. */
export function addHealth(server: FastifyInstance, options: HealthOptions): void {
  const { checkWrites, backlog, sealer, isStopping, guard, metrics, environment, identify } = options;
  server.get('/health', PROBE, () => ({ status: 'ok' }));
  server.get('/readyz', PROBE, async () => {
    if (isStopping())
      throw new RefusedError({ code: 'SERVICE_UNAVAILABLE', detail: 'The service is shutting down' });
    // Concurrently, so that both finish within the deadline of one.
    const [{ entries, lagSeconds }] = await Promise.all([backlog(), checkWrites()]).catch(
      (error: unknown) => {
        if (!(error instanceof DatabaseUnavailableError)) throw error;
        throw new RefusedError({ code: 'SERVICE_UNAVAILABLE', detail: error.message });
      },
    );
    const rollback = guard();
    const refusal = rollback?.refusal ?? null;
    if (refusal !== null) throw new RefusedError({ code: 'SERVICE_UNAVAILABLE', detail: refusal });
    const status = sealer();
    const reservationFailure = rollback?.reservationFailure ?? null;
    const isDegraded = (status?.failures.size ?? 0) > 0 || reservationFailure !== null;
    return {
      status: isDegraded ? 'degraded' : 'ready',
      ids: reservationFailure ?? 'reserved',
      audit_log: {
        sealer: status === null ? 'off' : status.isActive ? 'active' : 'standby',
        backlog: entries,
        lag_seconds: lagSeconds,
        failures: Object.fromEntries(status?.failures ?? []),
      },
    };
  });
  // Concurrent scrapes share one run.
  const text = sharedFor(0, () => metrics.metrics());
  server.get('/metrics', PROBE, async (_request, reply) =>
    reply.type(metrics.contentType).send(await text()),
  );
  // The vendor's SDK tests its connection here, so an invalid key is refused, although none is required.
  server.get('/api/deployment-info', { onRequest: identify }, () => ({
    service: 'countersign',
    version: VERSION,
    environment,
    status: 'ok',
  }));
  for (const path of ['/health', '/readyz', '/metrics', '/api/deployment-info'])
    allowOnly(server, path, ['GET', 'HEAD']);
}
