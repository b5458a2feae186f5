import { isDeepStrictEqual } from 'node:util';
import { load, type LoadRequest } from '../load';
import type { Bench, Measured, Workload } from '../measured';
import { inTurn, metered, observed, processorRatio, ratesOf, sideOf, type Round } from '../rounds';
import { median, medianRatio } from '../statistics';

const CONNECTIONS = 32;
const WARM_UP = 2 * CONNECTIONS;

/** The measured list. */
export const LIST = listOf('');
const LIST_WITH_ELIGIBILITY = listOf('viewerCanApprove { allowed code }');

/** Returns the query of a page of 50 actions before a time, with their deciders and 5 audit entries each. */
function listOf(more: string): string {
  return `query List($before: DateTime!) {
    actions(filter: { submittedTo: $before }, first: 50) {
      edges { node {
        id agentName actionType description status riskScore submittedAt decidedBy { id name role } decidedAt
        auditLogs(first: 5) { edges { node { id actionType timestamp details } } } ${more}
      } }
    }
  }`;
}

/** Measures lists over GraphQL, in turn with the same rows by three batched prepared statements and JSON. */
export const list: Workload = async (bench) => {
  await checkSameRows(bench);
  const { ours, eligible, floor } = await inTurn(bench, {
    ours: () => readLists(bench, LIST),
    eligible: () => readLists(bench, LIST_WITH_ELIGIBILITY),
    floor: () => readFloor(bench),
  });
  const floorSide = { floor: sideOf(floor), floorName: 'the same rows by three statements' };
  const title = `list of 50 with decider and 5 audit entries each, ${String(CONNECTIONS)} connections`;
  const ratio = (title: string, rounds: readonly Round[], atLeast: number): Measured => ({
    title,
    ours: sideOf(rounds),
    ...floorSide,
    processorRatio: processorRatio(rounds, floor),
    value: medianRatio(ratesOf(rounds), ratesOf(floor)),
    unit: 'ratio',
    reach: { atLeast },
  });
  const side = sideOf(ours);
  return [
    ratio(title, ours, 0.75),
    ratio('the same with viewerCanApprove', eligible, 0.6),
    {
      title: 'list: SQL statements',
      ours: side,
      ...floorSide,
      value: side.statementsPerRequest ?? Infinity,
      unit: 'statements',
      reach: { atMost: 5 },
    },
    {
      title: 'list: p99 over p50',
      ours: side,
      ...floorSide,
      value: median(ours.map((round) => spreadOf(round))),
      unit: 'ratio',
      reach: { atMost: 3 },
    },
  ];
};

function spreadOf(round: Round): number {
  const { p50, p99 } = sideOf([round]);
  return (p99 ?? Infinity) / (p50 ?? 1);
}

/** Measures pages of a list over GraphQL. */
export async function readLists(bench: Bench, query: string): Promise<Round> {
  const { world, gateway, closables } = bench;
  const requests: readonly LoadRequest[] = timesOf(bench).map((before, index) => ({
    method: 'POST',
    path: '/graphql',
    headers: {
      authorization: `Bearer ${world.reviewers[index % world.reviewers.length]?.token ?? ''}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ query, variables: { before } }),
  }));
  // The content is compared beforehand. The last key shows that a response is a whole page.
  const expected = '"details":"Action ';
  const options = { url: gateway.url, connections: CONNECTIONS, requests, warmUp: WARM_UP, expected };
  return observed(bench, requests.length, (onWarm) => load({ ...options, onWarm }, closables));
}

async function readFloor(bench: Bench): Promise<Round> {
  const { world, loop } = bench;
  const job = {
    kind: 'list',
    url: world.applicationUrl,
    callers: CONNECTIONS,
    warmUp: WARM_UP,
    organizationId: world.organizationId,
    calls: timesOf(bench),
  } as const;
  return metered(world, [loop.pid], (onWarm) => loop.run(job, onWarm));
}

/** Returns times all over the decided part of the history, so that the pages differ; the same in every round. */
function timesOf({ world, options }: Bench): readonly Date[] {
  const { from, to } = world.decidedBetween;
  const count = WARM_UP + (options.isQuick ? 64 : 1_500);
  return Array.from({ length: count }, (_, index) => {
    const share = ((index * 7_919) % count) / count;
    return new Date(from.getTime() + (0.05 + 0.95 * share) * (to.getTime() - from.getTime()));
  });
}

/** @throws {Error} unless the floor's response has exactly the values of the gateway's */
async function checkSameRows(bench: Bench): Promise<void> {
  const { world, gateway, loop } = bench;
  const [before] = timesOf(bench);
  if (before === undefined) throw new Error('There is no page to read');
  const answer = await fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${world.reviewers[0]?.token ?? ''}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ query: LIST, variables: { before } }),
  });
  const ours = normal(await answer.text());
  const { lastList = '' } = await loop.run({
    kind: 'list',
    url: world.applicationUrl,
    callers: 1,
    warmUp: 0,
    organizationId: world.organizationId,
    calls: [before],
  });
  if (!isDeepStrictEqual(ours, normal(lastList)))
    throw new Error(`The floor reads other rows:\n${JSON.stringify(ours)}\n${lastList}`);
}

/**
 * Returns the data of a response with ids as numbers and enums in lower case, unlike GraphQL.
 * @throws {Error} if it does not hold 50 actions
 */
function normal(json: string): unknown {
  const { data } = JSON.parse(json) as { data: { actions: { edges: readonly object[] } } };
  if (data.actions.edges.length !== 50) throw new Error('A list is not whole');
  return JSON.parse(JSON.stringify(data), (key, value: unknown) =>
    key === 'id' ? Number(value) : ['status', 'role'].includes(key) ? String(value).toLowerCase() : value,
  );
}
