import { Readable } from 'node:stream';

/**
 * A stream of what a generator gives, once it gave its first part: what fails before that is an answer of its own, and
 * what fails later breaks the answer off. However the stream ends, the generator ends with it.
 */
export async function begunStream(parts: AsyncGenerator<string | Buffer, void>): Promise<Readable> {
  const first = await parts.next();
  const stream = Readable.from(followedBy(first, parts), { objectMode: false });
  // Not in `followedBy`: where the client is gone before it reads, that never begins, and could end nothing.
  return stream.once('close', () => void parts.return());
}

async function* followedBy<T>(
  first: IteratorResult<T, void>,
  rest: AsyncGenerator<T, void>,
): AsyncIterable<T> {
  for (let part = first; part.done !== true; part = await rest.next()) yield part.value;
}
