import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The initial contents of a tab. A null variable is an id that the page fills in once it is connected. */
export interface Tab {
  readonly query: string;
  readonly variables: Readonly<Record<string, string | null>>;
}

/** The initial contents of the page. */
export interface Starters {
  readonly tabs: readonly Tab[];
  /** The operation that reads the ids. */
  readonly examples: string;
}

const DAY = 24 * 60 * 60 * 1000;
/** The tabs in order, with the number of days that a tab looks back, or the variable of the id that it is about. */
const TABS = [
  { name: 'decisions', days: 7 },
  { name: 'action', id: 'actionId' },
  { name: 'reviewer', id: 'reviewerId', days: 30 },
  { name: 'refused', days: 30 },
  { name: 'summary', days: 30 },
  { name: 'proof', id: 'auditId' },
];

/** Reads the tabs' operations once. The returned function sets `from` to midnight UTC, the tab's days before `now`. */
export function readStarters(): (now: Date) => Starters {
  const tabs = TABS.map((tab) => ({ ...tab, query: read(join('tabs', `${tab.name}.graphql`)) }));
  const examples = read('examples.graphql');
  return (now) => ({
    tabs: tabs.map(({ query, id, days }) => ({
      query,
      variables: {
        ...(id !== undefined && { [id]: null }),
        ...(days !== undefined && { from: midnightBefore(now, days) }),
      },
    })),
    examples,
  });
}

function midnightBefore(now: Date, days: number): string {
  return new Date(Math.floor(now.getTime() / DAY - days) * DAY).toISOString();
}

function read(path: string): string {
  return readFileSync(join(__dirname, path), 'utf8');
}
