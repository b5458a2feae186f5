import { readSync } from 'node:fs';

/** A note of an archive, or what stands behind the last one. */
export interface ArchivedNote {
  /** With its signature's line, without the empty line behind it. */
  readonly text: string;
  /** Where the next note begins, in bytes. */
  readonly end: number;
  /** Whether the empty line behind it is there: else a crash, or somebody, cut it off. */
  readonly isWhole: boolean;
}

const CHUNK = 65_536;
/** More than any note has. */
const LONGEST_NOTE = 8_192;
const SIGNATURE_LINE = Buffer.from('\n\n\u2014 ');
const EMPTY_LINE = Buffer.from('\n\n');

/**
 * Reads an archive's notes one after another, with memory for one of them.
 * @param file opened for reading
 */
export function* notesOf(file: number): Generator<ArchivedNote> {
  let [rest, position] = [Buffer.alloc(0), 0];
  const chunk = Buffer.alloc(CHUNK);
  for (let isMore = true; isMore;) {
    const length = readSync(file, chunk, 0, CHUNK, position + rest.length);
    isMore = length > 0;
    rest = Buffer.concat([rest, chunk.subarray(0, length)]);
    for (let end = endOfNote(rest); end > 0; end = endOfNote(rest)) {
      position += end;
      yield { text: rest.toString('utf8', 0, end - 1), end: position, isWhole: true };
      rest = rest.subarray(end);
    }
    // What is no note is not read to its end: it is one piece, and nothing behind it counts.
    if (rest.length > LONGEST_NOTE) break;
  }
  if (rest.length > 0) yield { text: rest.toString('utf8'), end: position, isWhole: false };
}

/** Behind the empty line after the first note's signature; 0 where the note is not whole. */
function endOfNote(bytes: Buffer): number {
  const signature = bytes.indexOf(SIGNATURE_LINE);
  if (signature < 0) return 0;
  const end = bytes.indexOf(EMPTY_LINE, signature + SIGNATURE_LINE.length);
  return end < 0 ? 0 : end + EMPTY_LINE.length;
}
