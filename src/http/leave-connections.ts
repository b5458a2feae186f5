import type { FastifyInstance } from 'fastify';

/**
 * After the signal, makes each response close its connection, so that clients connect elsewhere. Requests are still
 * answered until the server is closed, also on open connections: none is reset or refused.
 * Call before routes are added.
 */
export function leaveConnections(server: FastifyInstance, stopping: AbortSignal): void {
  let isClosing = false;
  server.addHook('preClose', (done) => {
    isClosing = true;
    done();
  });
  server.addHook('onSend', (_request, reply, payload, done) => {
    if (isClosing || stopping.aborted) reply.header('Connection', 'close');
    done(null, payload);
  });
}
