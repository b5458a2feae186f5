/** Whether a text is a time as the log writes it, `YYYY-MM-DDTHH:MM:SS.mmmZ`, of a day that exists. */
export function isTime(text: string): boolean {
  const time = /^(?:\d{4}|[+-]\d{6})-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text) ? Date.parse(text) : NaN;
  return !Number.isNaN(time) && new Date(time).toISOString() === text;
}
