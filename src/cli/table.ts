/** A list for people and for `cut`: a head and rows of cells with tabs between them, each on one line. */
export function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, ...rows].map((cells) => cells.map(singleLine).join('\t')).join('\n');
}

/** Text with its control characters, line breaks and tabs among them, made spaces. */
export function singleLine(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ');
}
