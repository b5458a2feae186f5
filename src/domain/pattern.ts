/**
 * Whether a text is what a pattern describes: `*` stands for any text, the empty one too, and everything else for
 * itself. In either case, or an agent could slip past a rule with capital letters. No regular expression: the time is
 * bounded by the product of both lengths, whatever the pattern.
 */
export function matchesPattern(pattern: string, text: string): boolean {
  const [wanted, given] = [pattern.toLowerCase(), text.toLowerCase()];
  let [at, index] = [0, 0];
  // Where the last star was and how far it reached: a longer reach is tried from there, never an earlier star's.
  let [star, reached] = [-1, 0];
  while (index < given.length) {
    if (wanted[at] === '*') {
      [star, reached] = [at, index];
      at += 1;
    } else if (wanted[at] === given[index]) {
      at += 1;
      index += 1;
    } else if (star >= 0) {
      reached += 1;
      [at, index] = [star + 1, reached];
    } else return false;
  }
  while (wanted[at] === '*') at += 1;
  return at === wanted.length;
}
