import type { FastifyRequest } from 'fastify';

/** Whether the client takes an answer that is compressed with gzip. */
export function acceptsGzip({ headers }: FastifyRequest): boolean {
  const accepted = headers['accept-encoding']?.toString() ?? '';
  return accepted
    .split(',')
    .some((coding) => /^\s*(gzip|\*)\s*(;\s*q=(1|0\.\d*[1-9]\d*)\s*)?(;|$)/i.test(coding));
}
