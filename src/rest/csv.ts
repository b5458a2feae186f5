/** What a spreadsheet takes for a formula when a cell begins with it; fullwidth forms are folded by some. */
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/u;

/** What is quoted: also what only other programs take for the end of a cell, whose rest would then be one of its own. */
const SPECIAL = /[",;\t\r\n]/;

/** One row of CSV, with its line end (RFC 4180). Text that a spreadsheet would run gets an apostrophe in front. */
export function csvRow(cells: readonly unknown[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}

function csvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return SPECIAL.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
