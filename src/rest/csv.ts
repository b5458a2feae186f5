/** First characters that make a spreadsheet read a cell as a formula. Some programs also fold fullwidth forms. */
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/u;

/** Characters that require quotes, including those that only some programs read as the end of a cell. */
const SPECIAL = /[",;\t\r\n]/;

/** Returns a row of CSV with its line end (RFC 4180). An apostrophe is put before text that looks like a formula. */
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
