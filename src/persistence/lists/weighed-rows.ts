import type { QueryResultRow } from 'pg';
import type { Spent } from '../../domain/answer-budget';
import type { Sql } from '../sql/sql';
import { dynamicStatement, type BoundText, type SelectedPart } from './list-source';

/** Sizes computed for a row, beside the selected columns. */
interface Weight {
  readonly size: number;
  readonly sizeBefore: number;
}

/**
 * Reads rows until their texts and JSON reach a size; the first row beyond it is the last. PostgreSQL computes the
 * sizes, so rows beyond the limit are never sent.
 * @param left bytes that may be read
 * @returns the rows, with the size in bytes of those that a page of this part shows
 */
export async function readWeighed<T extends QueryResultRow>(
  sql: Sql,
  { text, values }: BoundText,
  { heavy, size }: Pick<SelectedPart, 'heavy' | 'size'>,
  left: number,
): Promise<Spent<T[]>> {
  if (heavy.length === 0 || left === Infinity)
    return { result: await sql.query<T>(dynamicStatement(text), values), size: 0 };
  const own = heavy.map((name) => `coalesce(octet_length(page."${name}"::text), 0)`).join(' + ');
  const weighed = `SELECT * FROM (
      SELECT page.*, ${own} AS "size",
        coalesce(sum(${own}) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS "sizeBefore"
      FROM (${text}) page
    ) weighed WHERE "sizeBefore" <= $${String(values.length + 1)}`;
  const rows = await sql.query<T & Weight>(dynamicStatement(weighed), [...values, left]);
  const last = rows.at(-1);
  // The extra row after a page only shows that there is one, so it does not count.
  const shown = last === undefined ? 0 : last.sizeBefore + (rows.length > size ? 0 : last.size);
  return { result: rows, size: shown };
}
