import underPressure from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import { RefusedError } from '../domain/refusal';

/** The load above which the process refuses requests. Null means no limit. */
export interface LoadBounds {
  /** The maximum delay of the event loop, in milliseconds, averaged over a second. */
  readonly eventLoopDelay: number | null;
  /** Resident memory, in MB. */
  readonly memory: number | null;
}

/**
 * Answers 503 with Retry-After while the process is overloaded, before a body or the database is read: requests in
 * progress finish in time, and callers retry, possibly elsewhere. Probes are answered, or an orchestrator would kill
 * the process for being busy. Call before routes are added.
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
