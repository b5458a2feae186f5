import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Registry } from 'prom-client';
import type { SealerStatus } from '../audit/sealer';
import type { GuardStatus } from '../persistence/rollback/guard';
import type { SealBacklog } from '../persistence/seal-backlog.reads';
import { DatabaseUnavailableError } from '../persistence/database';
import { RefusedError } from '../domain/refusal';
import { VERSION } from '../version';
import { allowOnly } from './allowed-methods';
import { sharedFor } from './shared-for';

/** What operators ask the process itself. */
export interface HealthOptions {
  /** Throws where the database cannot be reached in time, or takes no writes. */
  readonly checkWrites: () => Promise<void>;
  /** What waits to be sealed; throws where the database cannot be reached. */
  readonly backlog: () => Promise<SealBacklog>;
  /** What this process does about it. */
  readonly sealer: () => SealerStatus | null;
  /** Whether the process was told to stop: it still answers, but is sent nothing new. */
  readonly isStopping: () => boolean;
  /** Whether the database is refused, and whether ids can be reserved. */
  readonly guard: () => GuardStatus | null;
  readonly metrics: Registry;
  /** `development` or `production`. */
  readonly environment: string;
  /** Sets `request.principal`; what is presented has to count. */
  readonly identify: (request: FastifyRequest) => Promise<void>;
}

/** Answered whatever the load is, and without limit; rest/openapi/refusals names the same paths. */
const PROBE = { config: { probe: true } } as const;

/** Answers without a credential: is it alive, can it serve, what does it count. */
export function addHealth(server: FastifyInstance, options: HealthOptions): void {
  const { checkWrites, backlog, sealer, isStopping, guard, metrics, environment, identify } = options;
  server.get('/health', PROBE, () => ({ status: 'ok' }));
  server.get('/readyz', PROBE, async () => {
    if (isStopping())
      throw new RefusedError({ code: 'SERVICE_UNAVAILABLE', detail: 'The service is shutting down' });
    // Side by side, so that the answer comes within the deadline of one.
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
  // Written once for all who ask while it is being written.
  const text = sharedFor(0, () => metrics.metrics());
  server.get('/metrics', PROBE, async (_request, reply) =>
    reply.type(metrics.contentType).send(await text()),
  );
  // Asked by the vendor's SDK to test its connection: so a key that does not count is told, although none is needed.
  server.get('/api/deployment-info', { onRequest: identify }, () => ({
    service: 'countersign',
    version: VERSION,
    environment,
    status: 'ok',
  }));
  for (const path of ['/health', '/readyz', '/metrics', '/api/deployment-info'])
    allowOnly(server, path, ['GET', 'HEAD']);
}
