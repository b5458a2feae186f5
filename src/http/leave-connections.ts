import type { FastifyInstance } from 'fastify';

/**
 * From the signal on, each answer ends its connection, so that its client opens the next one elsewhere. Requests are
 * answered as before until the server is closed, those that arrive on kept connections too: none is reset or refused.
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
