/** The signed notes of a text, in their order: one, or many with an empty line behind each. */
export function splitNotes(text: string): readonly string[] {
  return [...text.matchAll(/(?:[^\n\u2014][^\n]*\n)+\n(?:\u2014 [^\n]+\n)+(?=\n|$)/gu)].map(([note]) => note);
}

/**
 * The signed notes of a text that holds notes and nothing else: one, or many with an empty line behind each.
 * @returns null where anything else stands in it, or nothing at all
 */
export function readNotes(text: string): readonly string[] | null {
  const notes: string[] = [];
  let lines: string[] = [];
  let part: 'text' | 'signatures' = 'text';
  const all = text.split('\n');
  // What comes after the last newline has to be nothing; the empty line that ends a note may be the file's end.
  if (all.at(-1) !== '') return null;
  for (const [index, line] of all.entries()) {
    const isSignature = line.startsWith('\u2014 ');
    if (line !== '') {
      if (isSignature !== (part === 'signatures')) return null;
      lines.push(line);
    } else if (part === 'signatures' && lines.at(-1) !== '') {
      notes.push(`${lines.join('\n')}\n`);
      [lines, part] = [[], 'text'];
    } else if (part === 'text' && lines.length > 0) {
      lines.push('');
      part = 'signatures';
    } else if (index !== all.length - 1) return null;
  }
  return lines.length === 0 && notes.length > 0 ? notes : null;
}
