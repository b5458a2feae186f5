/** Returns the signed notes found in a text, in order, separated by empty lines. */
export function splitNotes(text: string): readonly string[] {
  return [...text.matchAll(/(?:[^\n\u2014][^\n]*\n)+\n(?:\u2014 [^\n]+\n)+(?=\n|$)/gu)].map(([note]) => note);
}

/**
 * Parses a text of signed notes: one, or several separated by empty lines.
 * @returns the notes; null if the text holds anything else, or nothing
 */
export function readNotes(text: string): readonly string[] | null {
  const notes: string[] = [];
  let lines: string[] = [];
  let part: 'text' | 'signatures' = 'text';
  const all = text.split('\n');
  // The text has to end with a newline; the empty line that ends the last note may be missing.
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
