import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { FaultKind } from './verification';

/** The maximum length of a line of a bundle, in bytes. */
const MAX_LINE = 4 * 1024 * 1024;

/** A fault that makes a file unreadable from some point on. */
export class BundleFileError extends Error {
  override readonly name = 'BundleFileError';

  constructor(
    readonly kind: FaultKind,
    message: string,
  ) {
    super(message);
  }
}

const LF = 0x0a;

/**
 * Yields the lines of a file, decompressed if it is gzipped, with at most one line and one chunk in memory.
 * @throws {BundleFileError} if the file cannot be read or decompressed, if a line is longer than `MAX_LINE` or not
 * UTF-8, or if the last line has no line break
 */
export async function* linesOf(path: string): AsyncGenerator<string, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let line = 0;
  const textOf = (parts: readonly Buffer[]): string => {
    line += 1;
    try {
      return decoder.decode(parts.length === 1 ? parts[0] : Buffer.concat(parts));
    } catch {
      throw new BundleFileError('NOT_A_BUNDLE', `Line ${String(line)} is not UTF-8`);
    }
  };
  let parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of unpacked(path)) {
    let start = 0;
    for (let end = chunk.indexOf(LF); ; end = chunk.indexOf(LF, start)) {
      const part = chunk.subarray(start, end < 0 ? undefined : end);
      length += part.length;
      if (length > MAX_LINE)
        throw new BundleFileError('LINE_TOO_LONG', `Line ${String(line + 1)} is longer than 4 MB`);
      if (part.length > 0 || end >= 0) parts.push(part);
      if (end < 0) break;
      yield textOf(parts);
      [parts, length, start] = [[], 0, end + 1];
    }
  }
  if (length > 0)
    throw new BundleFileError(
      'INCOMPLETE_BUNDLE',
      `Line ${String(line + 1)} is truncated: it has no line end`,
    );
}

/** Yields a file's bytes, decompressed if it starts with the gzip signature. */
async function* unpacked(path: string): AsyncGenerator<Buffer, void> {
  let isGzip = false;
  try {
    const file = createReadStream(path);
    const chunks = file[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
    const head: Buffer[] = [];
    let [size, isEnded] = [0, false];
    while (size < 2 && !isEnded) {
      const { value, done } = await chunks.next();
      if (done === true) isEnded = true;
      else {
        head.push(value);
        size += value.length;
      }
    }
    const start = Buffer.concat(head);
    const all = allOf(start, chunks);
    isGzip = start[0] === 0x1f && start[1] === 0x8b;
    if (!isGzip) yield* all;
    else yield* gunzipped(all);
  } catch (error) {
    if (error instanceof BundleFileError) throw error;
    const { message } = error as Error;
    throw isGzip
      ? new BundleFileError('GZIP_DAMAGED', `The file cannot be decompressed: ${message}`)
      : new BundleFileError('NOT_A_BUNDLE', `The file cannot be read: ${message}`);
  }
}

async function* allOf(first: Buffer, rest: AsyncIterator<Buffer, undefined>): AsyncGenerator<Buffer, void> {
  if (first.length > 0) yield first;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

async function* gunzipped(packed: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let size = 0;
  const gunzip = createGunzip();
  async function* counted(): AsyncGenerator<Buffer, void> {
    for await (const chunk of packed) {
      size += chunk.length;
      yield chunk;
    }
  }
  // An error of the input ends the decompression with that error, which the reader of the stream receives.
  pipeline(counted, gunzip, () => undefined);
  for await (const chunk of gunzip) yield chunk as Buffer;
  if (gunzip.bytesWritten !== size)
    throw new BundleFileError('GZIP_DAMAGED', 'There is data after the end of the compressed file');
}
