import type { QueryResultRow } from 'pg';
import type { Spent } from '../../domain/answer-budget';
import { COUNT_CAP, type Count } from '../../domain/page';
import type { Sql } from '../sql/sql';
import {
  dynamicStatement,
  type BoundText,
  type Conditions,
  type GroupedSource,
  type SelectedPart,
} from './list-source';
import { foundSql, matchesSql, patternOf, type TextIndex, type Search, type Searcher } from './text-search';
import { readWeighed } from './weighed-rows';

/** How many rows are scanned in the list's order before the text index is used. */
const SCANNED_BEFORE_INDEX = 2_000;
/** How many rows are scanned in the list's order where no text index is available. */
const MAX_SCANNED = 20_000;

/** The rows of a page and the one after them, in the order in which they were read. */
export interface FoundRows<T> {
  readonly rows: readonly T[];
  /** Position of the last scanned row, where unscanned rows follow; null where all rows were searched. */
  readonly searchedTo: { readonly key: unknown; readonly id: number } | null;
}

/**
 * Returns one page of matching rows. The nearest rows in the list's order are scanned first, which finds frequent text.
 * Rare text is then looked up in the text index. Without an index the search stops there and reports how far it got.
 * @param left bytes that may be read of heavy properties
 */
export async function searchPage<T extends QueryResultRow>(
  searcher: Searcher,
  source: GroupedSource,
  part: SelectedPart,
  left: number,
): Promise<Spent<FoundRows<T>>> {
  const search = searchOf(source.conditions);
  const { searches } = searcher;
  return searches.run(searcher, async (sql) => {
    const index = await searches.usableIndex(sql, search);
    const depth = index !== null ? SCANNED_BEFORE_INDEX : MAX_SCANNED;
    const near = await readWeighed<T>(sql, scanned(source, search, part, depth), part, left);
    const isFilled = near.result.length > part.size || near.size > left;
    const searchedTo = isFilled ? null : await lastScanned(sql, source, part, depth);
    if (searchedTo === null || index === null)
      return { result: { rows: near.result, searchedTo }, size: near.size };
    const all = await readWeighed<T>(sql, indexed(source, search, index, part), part, left);
    return { result: { rows: all.result, searchedTo: null }, size: all.size };
  });
}

/** Returns a function that counts the matching rows, up to the cap and the scan limit. It runs once, on first call. */
export function countMatches(searcher: Searcher, source: GroupedSource): () => Promise<readonly Count[]> {
  const search = searchOf(source.conditions);
  let counts: Promise<readonly Count[]> | undefined;
  const read = (): Promise<readonly Count[]> =>
    searcher.searches.run(searcher, async (sql) => {
      const index = await searcher.searches.usableIndex(sql, search);
      const { text, values } =
        index === null ? scannedCount(source, search) : indexedCount(source, search, index);
      const [row] = await sql.query<{ total: number; scanned: number }>(dynamicStatement(text), values);
      const { total, scanned: rows } = row ?? { total: 0, scanned: 0 };
      return [{ total: Math.min(total, COUNT_CAP), capped: total > COUNT_CAP || rows > MAX_SCANNED }];
    });
  return () => (counts ??= read());
}

/** Returns the SELECT of the matches among the nearest rows. */
function scanned(source: GroupedSource, search: Search, part: SelectedPart, depth: number): BoundText {
  const { conditions, text } = scan(source, part, depth);
  const matches = matchesSql(search.columns, conditions.bind(patternOf(search)));
  const limit = `LIMIT ${conditions.bind(part.size + 1)} OFFSET ${conditions.bind(part.offset)}`;
  return {
    text: `SELECT ${part.columns} FROM (${text}) t WHERE ${matches} ORDER BY ${part.inner} ${limit}`,
    values: conditions.values,
  };
}

/** Returns the position of the last of the `depth` nearest rows; null where there are fewer. */
async function lastScanned(
  sql: Sql,
  source: GroupedSource,
  part: SelectedPart,
  depth: number,
): Promise<FoundRows<never>['searchedTo']> {
  const { conditions, text } = scan(source, part, depth);
  const last = `SELECT ${part.place} FROM (${text}) t ORDER BY ${part.inner} OFFSET ${conditions.bind(depth - 1)} LIMIT 1`;
  const [place] = await sql.query<{ key: unknown; id: number }>(dynamicStatement(last), conditions.values);
  return place ?? null;
}

/** Returns the SELECT of all matches, through the text index. */
function indexed(source: GroupedSource, search: Search, index: TextIndex, part: SelectedPart): BoundText {
  const { text, conditions } = matching(source, search, index);
  const limit = `LIMIT ${conditions.bind(part.size + 1)} OFFSET ${conditions.bind(part.offset)}`;
  return {
    text: `SELECT ${part.columns} FROM (${text}) t ORDER BY ${part.inner} ${limit}`,
    values: conditions.values,
  };
}

function indexedCount(source: GroupedSource, search: Search, index: TextIndex): BoundText {
  const { text, conditions } = matching(source, search, index);
  return {
    text: `SELECT count(*) AS total, 0 AS scanned FROM (${text} LIMIT ${String(COUNT_CAP + 1)}) t`,
    values: conditions.values,
  };
}

function scannedCount(source: GroupedSource, search: Search): BoundText {
  const { conditions, where } = source.fork().unordered();
  const matches = matchesSql(search.columns, conditions.bind(patternOf(search)));
  return {
    text: `SELECT count(*) FILTER (WHERE ${matches}) AS total, count(*) AS scanned
      FROM (SELECT t.* ${where} LIMIT ${String(MAX_SCANNED + 1)}) t`,
    values: conditions.values,
  };
}

/**
 * Selects the rows that the text index finds. Each is looked up by id and checked against all conditions. The LIMIT
 * keeps the planner from starting with the list instead.
 */
function matching(
  source: GroupedSource,
  search: Search,
  index: TextIndex,
): { text: string; conditions: Conditions } {
  const { conditions, where } = source.fork().unordered();
  const pattern = conditions.bind(patternOf(search));
  const found = foundSql(index, ORGANIZATION, pattern);
  const one = `SELECT t.* ${where} AND t.id = found.id AND ${matchesSql(search.columns, pattern)} LIMIT 1`;
  return { conditions, text: `SELECT t.* FROM unnest(${found}) AS found(id), LATERAL (${one}) t` };
}

/** The first condition of every list is its organization. */
const ORGANIZATION = '$1::bigint';

/** Selects the nearest whole rows of a list, in its order. */
function scan(
  source: GroupedSource,
  { inner, stored }: SelectedPart,
  depth: number,
): { text: string; conditions: Conditions } {
  const fork = source.fork();
  const limit = fork.conditions.bind(depth);
  const text = fork.selectEach('t.*', { inner, outer: stored, limit, offset: null });
  return { text, conditions: fork.conditions };
}

function searchOf({ search }: Conditions): Search {
  if (search === null) throw new Error('These conditions hold no search');
  return search;
}
