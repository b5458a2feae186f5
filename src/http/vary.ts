import type { FastifyReply } from 'fastify';

/** Says that an answer depends on a request header (RFC 9110 12.5.5), beside those that it was said of before. */
export function addVary(reply: FastifyReply, header: string): FastifyReply {
  const before = reply.getHeader('vary');
  return reply.header('Vary', before === undefined ? header : `${String(before)}, ${header}`);
}
