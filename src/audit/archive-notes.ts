import { readSync } from 'node:fs';

/** A note of an archive, or the incomplete text after the last note. */
export interface ArchivedNote {
  /** With its signature line, without the empty line that follows. */
  readonly text: string;
  /** The offset of the next note, in bytes. */
  readonly end: number;
  /** Whether the empty line that ends the note is there. If not, a crash or somebody cut the note off. */
  readonly isWhole: boolean;
}

const CHUNK = 65_536;
/** Larger than any note, in bytes. */
const LONGEST_NOTE = 8_192;
const SIGNATURE_LINE = Buffer.from('\n\n\u2014 ');
const EMPTY_LINE = Buffer.from('\n\n');

/**
 * Yields an archive's notes one after another, with one of them in memory at a time.
 * @param file a file descriptor opened for reading
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
    // Text that is not a note is not read to its end: it is yielded as one piece, and nothing after it counts.
    if (rest.length > LONGEST_NOTE) break;
  }
  if (rest.length > 0) yield { text: rest.toString('utf8'), end: position, isWhole: false };
}

/** Returns the offset after the empty line that ends the first note; 0 if the note is incomplete. */
function endOfNote(bytes: Buffer): number {
  const signature = bytes.indexOf(SIGNATURE_LINE);
  if (signature < 0) return 0;
  const end = bytes.indexOf(EMPTY_LINE, signature + SIGNATURE_LINE.length);
  return end < 0 ? 0 : end + EMPTY_LINE.length;
}
