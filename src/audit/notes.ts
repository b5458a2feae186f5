/** The signed notes of a text, in their order: one, or many with an empty line behind each. */
export function splitNotes(text: string): readonly string[] {
  return [...text.matchAll(/(?:[^\n\u2014][^\n]*\n)+\n(?:\u2014 [^\n]+\n)+(?=\n|$)/gu)].map(([note]) => note);
}
