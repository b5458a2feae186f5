/**
 * Invisible characters: default-ignorable ones (Unicode UAX 44), controls, formats, non-characters, and the filler of
 * the Khitan small script.
 */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\p{Noncharacter_Code_Point}\u{16fe4}]/gu;
/**
 * Unicode white space, and symbols without ink: the braille cell without dots, the null notehead and the blank
 * hieroglyphs.
 */
const BLANKS = /[\p{White_Space}\u2800\u{1d159}\u{13441}\u{13442}]+/gu;
const VISIBLE =
  /[^\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\p{Noncharacter_Code_Point}\u{16fe4}\p{White_Space}\u2800\u{1d159}\u{13441}\u{13442}]/u;
/** A plain text, which the steps below would not change. */
const PLAIN = /^[!-~]+(?: [!-~]+)*$/;

/**
 * Combining marks beyond the thirtieth on one letter (UAX 15, "Stream-Safe Text Format"). Normalization sorts the marks
 * of a letter in quadratic time. The two half-width kana marks are letters that it turns into marks.
 */
const PILED_MARKS = /([\p{M}\uff9e\uff9f]{30})[\p{M}\uff9e\uff9f]+/gu;

/**
 * Returns a text as people see it: NFKC, without invisible characters, trimmed, white space collapsed to one space.
 * Texts are compared and tested for blankness in this form, but stored as sent. Linear in the text; the result is up to
 * 18 times as long.
 */
export function visibleText(text: string): string {
  if (PLAIN.test(text)) return text;
  // White space goes first, since tabs and line breaks are also control characters.
  const spaced = text.replace(BLANKS, ' ');
  // Invisible characters go before the marks, since one may stand between a letter and its mark.
  const seen = spaced.replace(INVISIBLE, '').replace(PILED_MARKS, '$1').normalize('NFKC');
  return seen.replace(INVISIBLE, '').replace(BLANKS, ' ').trim();
}

/** Returns whether people see nothing of a text: equivalent to an empty `visibleText`, without building it. */
export function isBlank(text: string): boolean {
  return !VISIBLE.test(text);
}

/** A dot above on a small letter that already has a dot, and so not visible (Unicode, Soft_Dotted). */
const SECOND_DOT = /([ij])\u0307+/g;

/** Returns a text for comparison: as people see it, case-insensitive. */
export function comparableText(text: string): string {
  const small = visibleText(text).toLowerCase().replace(SECOND_DOT, '$1');
  // Through capitals, since a small letter may have two shapes, such as the final sigma.
  return visibleText(small.toUpperCase());
}

/** Returns whether a control character, such as a tab or a line break, is inside a text, ends aside. */
export function holdsControls(text: string): boolean {
  return /\p{Cc}/u.test(text.trim());
}

/** Letters, with the marks and digits among them. */
const WORD = /[\p{L}\p{M}\p{N}]+/gu;

/** Scripts in use (UAX 31, tables 5 and 7). A letter of any other counts as a letter of another script. */
const SCRIPTS =
  `Adlam Arabic Armenian Balinese Bamum Batak Bengali Buginese Buhid Canadian_Aboriginal Chakma Cham Cherokee
  Coptic Cyrillic Devanagari Ethiopic Georgian Greek Gujarati Gurmukhi Hanunoo Hebrew Javanese Kannada Kayah_Li Khmer Lao
  Latin Lepcha Limbu Lisu Malayalam Mandaic Meetei_Mayek Miao Mongolian Myanmar New_Tai_Lue Newa Nko Ol_Chiki Oriya Osage
  Saurashtra Sinhala Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Tamil Telugu Thaana Thai
  Tibetan Tifinagh Vai Yi`.split(/\s+/);
/** Scripts that are written together (UTS 39, 5.1). */
const WRITTEN_TOGETHER = ['Han Hiragana Katakana', 'Han Bopomofo', 'Han Hangul'];
/** Each matches one letter of one script, or of scripts written together, or a letter common to all scripts. */
const OF_ONE_SCRIPT = [...SCRIPTS, ...WRITTEN_TOGETHER].map((scripts) => {
  const letters = scripts.split(' ').map((script) => `\\p{Script_Extensions=${script}}`);
  return new RegExp(`[${letters.join('')}\\p{Script=Common}\\p{Script=Inherited}]`, 'u');
});

/**
 * Returns whether a text holds a word that mixes two scripts (UTS 39, 5.1), such as `delete` with a Cyrillic e, which
 * people and programs read differently. Linear in the text.
 */
export function mixesScripts(text: string): boolean {
  const seen = visibleText(text);
  if (PLAIN.test(seen)) return false;
  return (seen.match(WORD) ?? []).some((word) => {
    const letters = [...word];
    return !OF_ONE_SCRIPT.some((isOne) => letters.every((letter) => isOne.test(letter)));
  });
}
