import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a tab opens with. A variable that is null is an id which the page fills in once it knows who asks. */
export interface Tab {
  readonly query: string;
  readonly variables: Readonly<Record<string, string | null>>;
}

/** What the page begins with. */
export interface Starters {
  readonly tabs: readonly Tab[];
  /** The operation that finds the ids. */
  readonly examples: string;
}

const DAY = 24 * 60 * 60 * 1000;
/** The tabs in their order: the days that one looks back on, or the id that it is about, by the variable's name. */
const TABS = [
  { name: 'decisions', days: 7 },
  { name: 'action', id: 'actionId' },
  { name: 'reviewer', id: 'reviewerId', days: 30 },
  { name: 'refused', days: 30 },
  { name: 'summary', days: 30 },
  { name: 'proof', id: 'auditId' },
];

/** Reads the tabs' operations once. The function returned dates them: from midnight in UTC, that many days ago. */
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
