import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import { refusalBehind } from '../graphql/errors';
import { RefusedError } from '../domain/refusal';
import { allowOnly } from './allowed-methods';

/** What operators ask the process itself, without a credential: is it alive, can it serve, what does it count. */
export function addHealth(server: FastifyInstance, ping: () => Promise<void>, metrics: Registry): void {
  server.get('/health', () => ({ status: 'ok' }));
  server.get('/readyz', async () => {
    await ping().catch((error: unknown) => {
      const { code } = refusalBehind(error);
      const detail = 'The database cannot be reached';
      throw code === 'SERVICE_UNAVAILABLE' ? new RefusedError({ code, detail }) : error;
    });
    return { status: 'ready' };
  });
  server.get('/metrics', async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.metrics()),
  );
  for (const path of ['/health', '/readyz', '/metrics']) allowOnly(server, path, ['GET', 'HEAD']);
}
