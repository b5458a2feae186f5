import underPressure from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import { RefusedError } from '../domain/refusal';

/** Beyond what a process takes on nothing more; null for no such bound. */
export interface LoadBounds {
  /** How late its event loop may be, in milliseconds, on the average of a second. */
  readonly eventLoopDelay: number | null;
  /** Resident memory, in MB. */
  readonly memory: number | null;
}

/**
 * Answers 503 with Retry-After while the process is beyond its bounds, before anything is read or asked for: what is
 * under way ends in time, and the caller tries again, elsewhere perhaps. Probes are answered, or an orchestrator would
 * end the process for being busy. To be called before routes are added.
 */
export async function shedLoad(
  server: FastifyInstance,
  { eventLoopDelay, memory }: LoadBounds,
): Promise<void> {
  if (eventLoopDelay === null && memory === null) return;
  await server.register(underPressure, {
    maxEventLoopDelay: eventLoopDelay ?? 0,
    maxRssBytes: (memory ?? 0) * 2 ** 20,
    pressureHandler: async ({ routeOptions }) => {
      if (routeOptions.config.probe === true) return Promise.resolve();
      return Promise.reject(
        new RefusedError({ code: 'SERVICE_UNAVAILABLE', detail: 'The service is overloaded' }),
      );
    },
  });
}
