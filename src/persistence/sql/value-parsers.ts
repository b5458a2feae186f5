import { types } from 'pg';

/** PostgreSQL's text of a time with at most milliseconds, in a zone of whole hours. `connect` checks the DateStyle. */
const TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,3})?[+-]\d\d$/;

/** Sets how values are read from PostgreSQL's texts, for the whole process. */
export function setValueParsers(): void {
  // Ids stop at 2^53-1 (docs/rest-api.md#ids), and so do the database's sequences, so a bigint always fits a number.
  types.setTypeParser(types.builtins.INT8, Number);
  const readAnyTime = types.getTypeParser(types.builtins.TIMESTAMPTZ) as (text: string) => Date;
  // The engine's own parser takes half the time of pg's, and a list has hundreds of timestamps.
  types.setTypeParser(types.builtins.TIMESTAMPTZ, (text) =>
    TIME.test(text) ? new Date(`${text.slice(0, 10)}T${text.slice(11)}:00`) : readAnyTime(text),
  );
}
