import { comparableText } from './text';

/** A text for patterns: the code points of `comparableText`. */
export type ComparedText = ArrayLike<number>;

/** What stands between two stars: code points, or null for any one character. */
type Part = readonly (number | null)[];

/** A pattern, ready to be held against texts. */
export interface Pattern {
  /** In order; a single one where there is no star. */
  readonly parts: readonly Part[];
}

/** A text as patterns are held against it: as people see it, in either case (domain/text). */
export function comparedText(text: string): ComparedText {
  return Array.from(comparableText(text), (character) => character.codePointAt(0) ?? 0);
}

/**
 * Reads a pattern: `*` stands for any text, the empty one too, `?` for any one character, and everything else for
 * itself, as people see it and in either case.
 */
export function readPattern(pattern: string): Pattern {
  const parts = comparableText(pattern).split('*');
  return {
    parts: parts.map((part) =>
      Array.from(part, (character) => (character === '?' ? null : (character.codePointAt(0) ?? 0))),
    ),
  };
}

/**
 * For a pattern that matches every text of at least so many characters, that number: stars, and question marks if any.
 * @returns null for a pattern that asks for more
 */
export function matchesFromLength({ parts }: Pattern): number | null {
  const characters = parts.flat();
  return parts.length > 1 && characters.every((character) => character === null) ? characters.length : null;
}

/**
 * Whether a text is what a pattern describes. Linear in the text: nothing of it is read more than three times, whatever
 * the pattern, and for 32 characters of a part one machine word is worked on each time.
 */
export function matches({ parts }: Pattern, text: ComparedText): boolean {
  const [first = [], ...others] = parts;
  const last = others.pop();
  if (last === undefined) return text.length === first.length && standsAt(text, first, 0);
  const end = text.length - last.length;
  if (first.length > end || !standsAt(text, first, 0) || !standsAt(text, last, end)) return false;
  // The earliest place leaves the most to the parts that follow, so that no earlier one is tried again.
  let from = first.length;
  for (const part of others) {
    from = endOfFirst(text, part, from, end);
    if (from < 0) return false;
  }
  return true;
}

function standsAt(text: ComparedText, part: Part, at: number): boolean {
  return part.every((character, index) => character === null || character === text[at + index]);
}

/**
 * Where the first occurrence of a part between two places ends, or -1. Bit n of the state says whether the part's first
 * n + 1 characters end here (Baeza-Yates and Gonnet, "shift-and").
 */
function endOfFirst(text: ComparedText, part: Part, from: number, end: number): number {
  if (part.length === 0) return from;
  const size = Math.ceil(part.length / 32);
  const { known, other } = masksOf(part, size);
  const state = new Uint32Array(size);
  const [lastWord, lastBit] = [(part.length - 1) >>> 5, 1 << ((part.length - 1) & 31)];
  for (let at = from; at < end; at += 1) {
    const mask = known.get(text[at] ?? -1) ?? other;
    let carry = 1;
    for (let word = 0; word < size; word += 1) {
      const before = state[word] ?? 0;
      state[word] = ((before << 1) | carry) & (mask[word] ?? 0);
      carry = before >>> 31;
    }
    if (((state[lastWord] ?? 0) & lastBit) !== 0) return at + 1;
  }
  return -1;
}

/** By character, the places of a part where it may stand; of all that the part does not name, those of any character. */
function masksOf(part: Part, size: number): { known: ReadonlyMap<number, Uint32Array>; other: Uint32Array } {
  const other = new Uint32Array(size);
  const mark = (mask: Uint32Array, place: number): void => {
    mask[place >>> 5] = (mask[place >>> 5] ?? 0) | (1 << (place & 31));
  };
  part.forEach((character, place) => {
    if (character === null) mark(other, place);
  });
  const known = new Map<number, Uint32Array>();
  part.forEach((character, place) => {
    if (character === null) return;
    const mask = known.get(character) ?? other.slice();
    mark(mask, place);
    known.set(character, mask);
  });
  return { known, other };
}
