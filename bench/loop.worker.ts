import { Client, types } from 'pg';
import { LIST_FLOOR } from './floors';
import type { LoopJob, LoopReply, LoopRequest, LoopResult } from './loop';

// As in the gateway: ids fit a number.
types.setTypeParser(types.builtins.INT8, Number);

/** The process behind `loop.ts`: a bare loop on pg. Connections are kept for the next job. */
const clients = new Map<string, Client[]>();

async function connect({ url, callers, connections = callers }: LoopJob): Promise<readonly Client[]> {
  const open = clients.get(url) ?? [];
  clients.set(url, open);
  while (open.length < connections) {
    const client = new Client({ connectionString: url, application_name: 'benchmark floor' });
    await client.connect();
    open.push(client);
  }
  return Array.from({ length: callers }, (_, caller) => clientAt(open, caller % connections));
}

function clientAt(open: readonly Client[], index: number): Client {
  const client = open[index];
  if (client === undefined) throw new Error('There is no such connection');
  return client;
}

async function run(job: LoopJob): Promise<LoopResult> {
  const callers = await connect(job);
  let lastList = '';
  const calls = callsOf(job, (list) => (lastList = list));
  await callAll(callers, calls.slice(0, job.warmUp));
  await begun();
  return { ...(await callAll(callers, calls.slice(job.warmUp))), lastList };
}

async function callAll(callers: readonly Client[], calls: readonly Call[]): Promise<LoopResult> {
  const latencies: number[] = [];
  let next = 0;
  const begin = performance.now();
  await Promise.all(
    callers.map(async (client) => {
      for (let call = calls[next++]; call !== undefined; call = calls[next++]) {
        const before = performance.now();
        await call(client);
        latencies.push(performance.now() - before);
      }
    }),
  );
  return { seconds: (performance.now() - begin) / 1000, latencies };
}

type Call = (client: Client) => Promise<void>;

function callsOf(job: LoopJob, onList: (list: string) => void): readonly Call[] {
  if (job.kind === 'list')
    return job.calls.map((before) => async (client) => {
      onList(await list(client, job.organizationId, before));
    });
  return job.calls.map((values) => async (client) => {
    const { rows } = await client.query({ ...job.statement, values: [...values] });
    if (rows.length !== 1) throw new Error(`${job.statement.name} gave ${String(rows.length)} rows`);
  });
}

/** Reads the list's floor: three batched statements, and the response as JSON in the shape of GraphQL. */
async function list(client: Client, organizationId: number, before: Date): Promise<string> {
  const { rows: actions } = await client.query<{ id: number; decidedBy: number }>({
    ...LIST_FLOOR.actions,
    values: [organizationId, before],
  });
  const userIds = [...new Set(actions.map(({ decidedBy }) => decidedBy))];
  const actionIds = actions.map(({ id }) => id);
  // Concurrent queries on one connection run one after the other.
  const [users, entries] = await Promise.all([
    client.query<{ id: number }>({ ...LIST_FLOOR.users, values: [organizationId, userIds] }),
    client.query<{ actionId: number }>({ ...LIST_FLOOR.entries, values: [organizationId, actionIds] }),
  ]);
  const usersById = new Map(users.rows.map((user) => [user.id, user]));
  const entriesByAction = new Map<number, object[]>(actionIds.map((id) => [id, []]));
  for (const { actionId, ...entry } of entries.rows) entriesByAction.get(actionId)?.push({ node: entry });
  return JSON.stringify({
    data: {
      actions: {
        edges: actions.map((action) => ({
          node: {
            ...action,
            decidedBy: usersById.get(action.decidedBy),
            auditLogs: { edges: entriesByAction.get(action.id) },
          },
        })),
      },
    },
  });
}

function tell(reply: LoopReply): void {
  process.send?.(reply);
}

let begin = (): void => undefined;

/** Says that the warm-up is over. Resolves once the calls that count may begin. */
function begun(): Promise<void> {
  return new Promise((resolve) => {
    begin = resolve;
    tell('warm');
  });
}

process.on('message', (request: LoopRequest) => {
  if (request === 'begin') {
    begin();
    return;
  }
  run(request.job).then(
    (result) => {
      tell({ result });
    },
    (error: unknown) => {
      tell({ error: String(error) });
    },
  );
});
process.on('disconnect', () => process.exit());
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit());
