import type { Api } from './apis';
import type { Gateway, RequestOptions } from './gateway';
import { MINIMAL, submitThrough } from './submissions';

/** What an agent is told, with the field names of REST. */
export type Told = Record<string, any>;

/** API keys of one owner, made one after another. */
export async function someKeys(
  gateway: Gateway,
  count: number,
  options: { organization?: number; owner?: number } = { owner: 42 },
): Promise<string[]> {
  const keys: string[] = [];
  for (let n = 0; n < count; n += 1) keys.push(await gateway.apiKey(options));
  return keys;
}

/** Submits through every key at the same moment. The target of the n-th is `target-n`, as is the answer's place. */
export function submitTogether(
  gateway: Gateway,
  api: Api,
  keys: readonly string[],
  more: (n: number) => { body?: object; headers?: RequestOptions['headers'] } = () => ({}),
): Promise<Told[]> {
  return Promise.all(
    keys.map((apiKey, n) => {
      const { body, headers } = more(n);
      const asked = { ...MINIMAL, target_resource: `target-${String(n)}`, ...body };
      return submitThrough(gateway, api, asked, { apiKey, ...(headers && { headers }) });
    }),
  );
}

/** The submissions of each statement that stored some, as it was given them. */
export function statementsThatSubmitted({ database }: Gateway): Record<string, any>[][] {
  return database.statements
    .filter(({ name }) => name.startsWith('submit'))
    .map(({ values }) => JSON.parse(String(values[3])) as Record<string, any>[]);
}

/** Waits until a condition holds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
}

/** How many statements wait for a lock. */
export async function waiting({ database }: Gateway): Promise<number> {
  const [row] = await database.sql<{ count: number }>(
    `SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
     WHERE NOT granted AND datname = current_database()`,
  );
  return row?.count ?? 0;
}

/** Holds back what has to be sure of Acme's policy and people, as a change of either does. */
export const HOLD = {
  name: 'hold',
  text: 'SELECT pg_advisory_xact_lock(20260120, hashint8(1))::text',
};

/**
 * Makes submissions share one statement: three others of the organization are under way and held, until these wait
 * together.
 * @param fillers three API keys of organization 1
 * @param count how many submissions `work` sends
 */
export async function inOneStatement<T>(
  gateway: Gateway,
  fillers: readonly string[],
  count: number,
  work: () => Promise<T>,
): Promise<T> {
  const { owner, application, statements } = gateway.database;
  statements.length = 0;
  const ran = jest.spyOn(application, 'query');
  try {
    const asked = await owner.transaction(async (held) => {
      await held.query(HOLD, []);
      const filling: Promise<Told>[] = [];
      for (const [n, apiKey] of fillers.entries()) {
        filling.push(submitThrough(gateway, 'rest', MINIMAL, { apiKey }));
        await until(async () => (await waiting(gateway)) === n + 1);
      }
      const asked = work();
      let prepared = 0;
      const counted = new Set<unknown>();
      await until(() => {
        for (const [n, [{ name }, values]] of ran.mock.calls.entries()) {
          if (name !== 'prepare_submission' || counted.has(n)) continue;
          counted.add(n);
          void ran.mock.results[n]?.value.then(() => (prepared += Number(values[1])));
        }
        return prepared === fillers.length + count;
      });
      return { asked, filling };
    });
    await Promise.all(asked.filling);
    return await asked.asked;
  } finally {
    ran.mockRestore();
  }
}
