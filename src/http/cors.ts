import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';

/** Enables CORS for these origins only. Preflights are answered before authentication (docs/rest-api.md#browsers). */
export async function allowOrigins(server: FastifyInstance, origins: readonly string[]): Promise<void> {
  await server.register(cors, {
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST'],
    allowedHeaders: [
      'Authorization',
      'Content-Type',
      'X-API-Key',
      'Idempotency-Key',
      'Prefer',
      'X-Correlation-ID',
      // Trace contexts (W3C) and the headers of Apollo clients.
      'traceparent',
      'tracestate',
      'baggage',
      'Apollo-Require-Preflight',
      'X-Apollo-Operation-Name',
      'X-Apollo-Operation-Id',
      'apollographql-client-name',
      'apollographql-client-version',
    ],
    exposedHeaders: [
      'X-Correlation-ID',
      'Retry-After',
      ...['Limit', 'Remaining', 'Reset', 'Reset-After'].map((name) => `X-RateLimit-${name}`),
    ],
    strictPreflight: false,
    maxAge: 600,
  });
}
