import { Readable } from 'node:stream';

/**
 * Produces the first chunk of a generator, then returns its chunks as a stream. An error before the first chunk can
 * still become an error response; a later one aborts the response. The generator ends when the stream closes.
 * @throws whatever the generator throws before its first chunk
 */
export async function streamAfterFirstChunk(parts: AsyncGenerator<string | Buffer, void>): Promise<Readable> {
  const first = await parts.next();
  const stream = Readable.from(followedBy(first, parts), { objectMode: false });
  // Not in `followedBy`: it never starts if the client is gone before the stream is read.
  return stream.once('close', () => void parts.return());
}

async function* followedBy<T>(
  first: IteratorResult<T, void>,
  rest: AsyncGenerator<T, void>,
): AsyncIterable<T> {
  for (let part = first; part.done !== true; part = await rest.next()) yield part.value;
}
