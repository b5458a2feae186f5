/** Returns whether a text is an existing time in the log's format, `YYYY-MM-DDTHH:MM:SS.mmmZ`. */
export function isTime(text: string): boolean {
  const time = /^(?:\d{4}|[+-]\d{6})-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text) ? Date.parse(text) : NaN;
  return !Number.isNaN(time) && new Date(time).toISOString() === text;
}
