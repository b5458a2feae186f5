import type { FastifyRequest } from 'fastify';
import Negotiator from 'negotiator';

/** Whether the client accepts gzip (RFC 9110 12.5.3). */
export function acceptsGzip({ headers }: FastifyRequest): boolean {
  return new Negotiator({ headers }).encodings(['gzip']).length > 0;
}
