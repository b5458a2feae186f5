import type { Gateway } from './gateway';

/** A list of the schema, and how it is queried. */
export interface List {
  readonly field: 'actions' | 'auditLogs';
  /** Arguments other than those of paging, as GraphQL text: `filter: {…}, orderBy: {…}`. */
  readonly args?: string;
  /** The selected fields of each node, besides its id. */
  readonly node?: string;
  readonly user: number;
}

/** One page as a client gets it. */
export interface PageAnswer {
  readonly edges: readonly { readonly cursor: string; readonly node: Record<string, unknown> }[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
}

/** Requests one page, by paging arguments such as `first: 3`. */
export async function readPage(gateway: Gateway, list: List, paging: string): Promise<PageAnswer> {
  const args = [paging, list.args ?? ''].filter((part) => part !== '').join(', ');
  const query = `{ ${list.field}${args === '' ? '' : `(${args})`} {
    edges { cursor node { id ${list.node ?? ''} } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;
  const answer = await gateway.graphql(query, { user: list.user });
  const { data, errors } = answer.body as { data?: Record<string, PageAnswer>; errors?: unknown };
  const page = data?.[list.field];
  if (page === undefined) throw new Error(`No page but ${JSON.stringify(errors)} for ${query}`);
  return page;
}

/** Every page, read from the start with `first` and `after` as pageInfo says. */
export async function walkForward(gateway: Gateway, list: List, size: number): Promise<PageAnswer[]> {
  const pages = [await readPage(gateway, list, `first: ${String(size)}`)];
  for (let page = pages[0]; page?.pageInfo.hasNextPage === true; page = pages.at(-1))
    pages.push(
      await readPage(gateway, list, `first: ${String(size)}, after: "${page.pageInfo.endCursor ?? ''}"`),
    );
  return pages;
}

/** Every page, read from the end with `last` and `before`; the pages in the list's own order. */
export async function walkBackward(gateway: Gateway, list: List, size: number): Promise<PageAnswer[]> {
  const pages = [await readPage(gateway, list, `last: ${String(size)}`)];
  for (let page = pages[0]; page?.pageInfo.hasPreviousPage === true; page = pages[0])
    pages.unshift(
      await readPage(gateway, list, `last: ${String(size)}, before: "${page.pageInfo.startCursor ?? ''}"`),
    );
  return pages;
}

/** The ids of some pages, in their order. */
export function idsOf(...pages: readonly PageAnswer[]): number[] {
  return pages.flatMap(({ edges }) => edges.map(({ node }) => Number(node['id'])));
}
