import type { FastifyReply } from 'fastify';

/** Adds a request header to `Vary`, since the response depends on it (RFC 9110 12.5.5). */
export function addVary(reply: FastifyReply, header: string): FastifyReply {
  const before = reply.getHeader('vary');
  return reply.header('Vary', before === undefined ? header : `${String(before)}, ${header}`);
}
