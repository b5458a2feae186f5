import type { Gateway } from './gateway';

/**
 * Runs requests while an open transaction holds what this SQL locks or changes. It commits once all of them wait inside
 * the database, so that their reads are done.
 * @returns their answers, in order
 */
export async function whileHeld<T>(
  { database }: Gateway,
  sql: string,
  requests: readonly (() => Promise<T>)[],
): Promise<T[]> {
  const answers = await database.owner.transaction(async (held) => {
    await held.query({ name: 'hold', text: sql }, []);
    let answered = 0;
    const asked = requests.map((request) => request().finally(() => (answered += 1)));
    while ((await waiting()) < asked.length)
      if (answered > 0) throw new Error('A request was answered although it had to wait');
    return { asked };
  });
  return Promise.all(answers.asked);

  async function waiting(): Promise<number> {
    const [row] = await database.sql<{ count: number }>(
      `SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
       WHERE NOT granted AND datname = current_database()`,
    );
    return row?.count ?? 0;
  }
}
