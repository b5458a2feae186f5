import { comparableText } from './text';

/** A text prepared for matching: the code points of `comparableText`. */
export type ComparedText = ArrayLike<number>;

/** The part of a pattern between two stars. */
interface Part {
  /** Code points, or null for any one character. */
  readonly characters: readonly (number | null)[];
  /** For each character, the positions where it may occur, one bit each. */
  readonly known: ReadonlyMap<number, Uint32Array>;
  /** The positions where a character that the part does not name may occur. */
  readonly other: Uint32Array;
}

/** A compiled pattern. */
export interface Pattern {
  /** In order; a single one where there is no star. */
  readonly parts: readonly Part[];
}

/** Prepares a text for matching: as people see it, case-insensitive (domain/text). */
export function comparedText(text: string): ComparedText {
  return Array.from(comparableText(text), (character) => character.codePointAt(0) ?? 0);
}

/**
 * Compiles a pattern, once for all texts. `*` matches any text including the empty one, `?` any one character, and
 * everything else itself, as people see it and case-insensitively.
 */
export function readPattern(pattern: string): Pattern {
  return { parts: comparableText(pattern).split('*').map(readPart) };
}

/**
 * Returns the length from which a pattern matches every text, for a pattern of stars and question marks only.
 * @returns the length in characters, or null for a pattern that requires more
 */
export function matchesFromLength({ parts }: Pattern): number | null {
  const characters = parts.flatMap((part) => part.characters);
  return parts.length > 1 && characters.every((character) => character === null) ? characters.length : null;
}

/** Returns the length of a pattern, in characters of compared text, stars included. */
export function patternLength({ parts }: Pattern): number {
  return parts.reduce((length, { characters }) => length + characters.length, parts.length - 1);
}

/**
 * Returns whether a text matches a pattern. Linear in the text: each character is read at most three times, whatever
 * the pattern, and each read costs one machine word per 32 characters of a part.
 */
export function matches({ parts }: Pattern, text: ComparedText): boolean {
  const [first = NO_PART] = parts;
  const last = parts.at(-1) ?? NO_PART;
  const start = first.characters.length;
  if (parts.length === 1) return text.length === start && standsAt(text, first, 0);
  const end = text.length - last.characters.length;
  if (start > end || !standsAt(text, first, 0) || !standsAt(text, last, end)) return false;
  // The earliest match leaves the most text to the following parts, so no backtracking is needed.
  let from = start;
  for (let index = 1; index < parts.length - 1; index += 1) {
    from = endOfFirst(text, parts[index] ?? NO_PART, from, end);
    if (from < 0) return false;
  }
  return true;
}

function standsAt(text: ComparedText, { characters }: Part, at: number): boolean {
  return characters.every((character, index) => character === null || character === text[at + index]);
}

/**
 * Returns where the first occurrence of a part between two positions ends, or -1. Bit n of the state says whether the
 * part's first n + 1 characters end here (Baeza-Yates and Gonnet, "shift-and").
 */
function endOfFirst(
  text: ComparedText,
  { characters: { length }, known, other }: Part,
  from: number,
  end: number,
): number {
  if (length === 0) return from;
  if (length > end - from) return -1;
  const state = new Uint32Array(other.length);
  const [lastWord, lastBit] = [(length - 1) >>> 5, 1 << ((length - 1) & 31)];
  for (let at = from; at < end; at += 1) {
    const mask = known.get(text[at] ?? -1) ?? other;
    let carry = 1;
    for (let word = 0; word < state.length; word += 1) {
      const before = state[word] ?? 0;
      state[word] = ((before << 1) | carry) & (mask[word] ?? 0);
      carry = before >>> 31;
    }
    if (((state[lastWord] ?? 0) & lastBit) !== 0) return at + 1;
  }
  return -1;
}

function readPart(text: string): Part {
  const characters = Array.from(text, (character) =>
    character === '?' ? null : (character.codePointAt(0) ?? 0),
  );
  const other = new Uint32Array(Math.ceil(characters.length / 32));
  const mark = (mask: Uint32Array, place: number): void => {
    mask[place >>> 5] = (mask[place >>> 5] ?? 0) | (1 << (place & 31));
  };
  characters.forEach((character, place) => {
    if (character === null) mark(other, place);
  });
  const known = new Map<number, Uint32Array>();
  characters.forEach((character, place) => {
    if (character === null) return;
    const mask = known.get(character) ?? other.slice();
    mark(mask, place);
    known.set(character, mask);
  });
  return { characters, known, other };
}

const NO_PART = readPart('');
