import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Registry } from 'prom-client';
import type { SealerStatus } from '../audit/sealer';
import type { GuardStatus } from '../persistence/rollback/guard';
import type { SealBacklog } from '../persistence/seal-backlog.reads';
import { refusalBehind } from '../graphql/errors';
import { RefusedError } from '../domain/refusal';
import { VERSION } from '../version';
import { allowOnly } from './allowed-methods';

/** What operators ask the process itself. */
export interface HealthOptions {
  /** What waits to be sealed; throws where the database cannot be reached. */
  readonly backlog: () => Promise<SealBacklog>;
  /** What this process does about it. */
  readonly sealer: () => SealerStatus | null;
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
  const { backlog, sealer, guard, metrics, environment, identify } = options;
  server.get('/health', PROBE, () => ({ status: 'ok' }));
  server.get('/readyz', PROBE, async () => {
    const { entries, lagSeconds } = await backlog().catch((error: unknown) => {
      const { code } = refusalBehind(error);
      const detail = 'The database cannot be reached';
      throw code === 'SERVICE_UNAVAILABLE' ? new RefusedError({ code, detail }) : error;
    });
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
  server.get('/metrics', PROBE, async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.metrics()),
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
