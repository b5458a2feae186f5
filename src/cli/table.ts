/** Returns a tab-separated table for people and for `cut`: a header and rows, one per line. */
export function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, ...rows].map((cells) => cells.map(singleLine).join('\t')).join('\n');
}

/** Returns a text with each control character, such as a line break or tab, replaced by a space. */
export function singleLine(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ');
}
