import { Client } from 'pg';
import type { LoopJob, LoopResult } from './loop';

/** The other side of `loop.ts`: a bare loop on pg, in a process of its own. Connections are kept for the next job. */
const clients = new Map<string, Client[]>();

async function connect({ url, callers }: LoopJob): Promise<readonly Client[]> {
  const open = clients.get(url) ?? [];
  clients.set(url, open);
  while (open.length < callers) {
    const client = new Client({ connectionString: url, application_name: 'benchmark floor' });
    await client.connect();
    open.push(client);
  }
  return open.slice(0, callers);
}

/** Each caller takes the next call as soon as its last one is answered. */
async function run(job: LoopJob): Promise<LoopResult> {
  const callers = await connect(job);
  const latencies: number[] = [];
  let [next, rows] = [0, 0];
  const begin = performance.now();
  await Promise.all(
    callers.map(async (client) => {
      for (let values = job.calls[next++]; values !== undefined; values = job.calls[next++]) {
        const before = performance.now();
        const result = await client.query({ ...job.statement, values: [...values] });
        latencies.push(performance.now() - before);
        rows += result.rows.length;
      }
    }),
  );
  return { seconds: (performance.now() - begin) / 1000, latencies, rows };
}

process.on('message', (job: LoopJob) => {
  run(job).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit());
