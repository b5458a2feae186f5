import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { AnswerBudget } from '../domain/answer-budget';

/** How long a slow client may occupy its room, in milliseconds. By then its answer is in buffers. */
const MAX_SENDING = 10_000;

/** Runs `make`, and releases the answer's room once the response has closed, or after MAX_SENDING milliseconds. */
export async function untilSent<T>(
  response: ServerResponse,
  budget: AnswerBudget,
  make: () => Promise<T>,
): Promise<T> {
  try {
    return await make();
  } finally {
    const release = (): void => {
      clearTimeout(timer);
      budget.release();
    };
    const timer = setTimeout(release, MAX_SENDING).unref();
    if (response.destroyed || response.writableFinished) release();
    else response.once('close', release);
  }
}

/** Adds a request header to `Vary`, since the response depends on it (RFC 9110 12.5.5). */
export function addVary(reply: FastifyReply, header: string): FastifyReply {
  const before = reply.getHeader('vary');
  return reply.header('Vary', before === undefined ? header : `${String(before)}, ${header}`);
}
