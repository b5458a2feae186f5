import { Readable } from 'node:stream';

/**
 * A stream of what a generator gives, once it gave its first part: what fails before that is an answer of its own, and
 * what fails later breaks the answer off.
 */
export async function begunStream(parts: AsyncGenerator<string | Buffer, void>): Promise<Readable> {
  const first = await parts.next();
  return Readable.from(followedBy(first, parts), { objectMode: false });
}

async function* followedBy<T>(
  first: IteratorResult<T, void>,
  rest: AsyncGenerator<T, void>,
): AsyncIterable<T> {
  try {
    for (let part = first; part.done !== true; part = await rest.next()) yield part.value;
  } finally {
    // Whoever stops reading early ends the generator too, and gives back what it holds.
    await rest.return();
  }
}
