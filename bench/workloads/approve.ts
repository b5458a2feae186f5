import { DECIDE_FLOOR, floorDecisions } from '../floors';
import { load, type LoadRequest } from '../load';
import type { Bench, Measured, Workload } from '../measured';
import {
  byProcessorTime,
  inTurn,
  metered,
  observed,
  processorRatio,
  sideOf,
  type Round,
  type Rounds,
} from '../rounds';
import { median, percentile } from '../statistics';
import { checkApproved, type World } from '../world';

/** An API by which an action is approved. */
interface Api {
  readonly name: string;
  request(actionId: number): Omit<LoadRequest, 'headers'>;
  /** A text that the response to an approval contains. */
  readonly expected: string;
}

const REASON = 'Reviewed and approved';

export const REST: Api = {
  name: 'REST',
  request: (id) => ({
    method: 'POST',
    path: `/api/v1/actions/${String(id)}/approve`,
    body: JSON.stringify({ reason: REASON }),
  }),
  expected: '"status":"approved"',
};

const GRAPHQL: Api = {
  name: 'GraphQL',
  request: (id) => ({
    method: 'POST',
    path: '/graphql',
    body: JSON.stringify({
      query: `mutation Approve($id: ID!, $reason: String) {
        approveAction(actionId: $id, reason: $reason) { actionId status decidedBy { id } decidedAt correlationId }
      }`,
      variables: { id: String(id), reason: REASON },
    }),
  }),
  expected: '"status":"APPROVED"',
};

/** Returns requests to approve these actions, by the world's reviewers in turn. */
export function approvals(api: Api, { reviewers }: World, ids: readonly number[]): readonly LoadRequest[] {
  return ids.map((id, index) => ({
    ...api.request(id),
    headers: {
      authorization: `Bearer ${reviewers[index % reviewers.length]?.token ?? ''}`,
      'content-type': 'application/json',
    },
  }));
}

/** Measures approvals through an API in turn with the floor of a decision, with the same concurrency. */
async function measure(
  bench: Bench,
  api: Api,
  connections: number,
  count: number,
): Promise<Rounds<'ours' | 'floor'>> {
  return inTurn(bench, {
    ours: () => approve(bench, api, connections, count),
    floor: () => decideFloor(bench, connections, count),
  });
}

/** Measures approvals through an API over a number of connections. */
export async function approve(bench: Bench, api: Api, connections: number, count: number): Promise<Round> {
  const { world, gateway, closables } = bench;
  const warmUp = warmUpOf(connections);
  const ids = await world.addPending(warmUp + count);
  const requests = approvals(api, world, ids);
  const round = await observed(bench, warmUp + count, (onWarm) =>
    load({ url: gateway.url, connections, requests, warmUp, expected: api.expected, onWarm }, closables),
  );
  await checkApproved(world, ids);
  return round;
}

/** Measures the floor of a decision with a number of concurrent callers. */
export async function decideFloor({ world, loop }: Bench, callers: number, count: number): Promise<Round> {
  const warmUp = warmUpOf(callers);
  const ids = await world.addPending(warmUp + count);
  const job = {
    kind: 'statement',
    url: world.applicationUrl,
    callers,
    warmUp,
    statement: DECIDE_FLOOR,
    calls: floorDecisions(world, ids),
  } as const;
  const round = await metered(world, [loop.pid], (onWarm) => loop.run(job, onWarm));
  await checkApproved(world, ids);
  return round;
}

/** Enough to open every connection to the database and make its plans. */
export function warmUpOf(connections: number): number {
  return Math.max(100, 4 * connections);
}

/** How many requests run at once. */
export const CONNECTIONS = 64;

/**
 * Approves actions until the gateway's code is compiled. A gateway is still compiling just after its start, and done
 * after a minute of work.
 */
export async function compile(bench: Bench, api: Api): Promise<void> {
  if (!bench.options.isQuick) await approve(bench, api, CONNECTIONS, 12_000);
}

/** How many operations a round of many connections has. */
export function operationsOf({ options }: Bench): number {
  return options.isQuick ? 256 : 6_000;
}

export const FLOOR_NAME = 'floor of a decision';

function together(api: Api): Workload {
  return async (bench) => {
    await compile(bench, api);
    const { ours, floor } = await measure(bench, api, CONNECTIONS, operationsOf(bench));
    return [
      {
        title: `approve over ${api.name}, ${String(CONNECTIONS)} connections`,
        ours: sideOf(ours),
        floor: sideOf(floor),
        floorName: FLOOR_NAME,
        ...byProcessorTime(ours, floor, 1),
      },
    ];
  };
}

function alone(api: Api): Workload {
  return async (bench) => {
    const { ours, floor } = await measure(bench, api, 1, bench.options.isQuick ? 20 : 500);
    return [
      {
        title: `approve over ${api.name}, 1 connection: added to the floor's p50`,
        ours: sideOf(ours),
        floor: sideOf(floor),
        floorName: FLOOR_NAME,
        processorRatio: processorRatio(ours, floor),
        value: median(addedLatencies(ours, floor)),
        unit: 'ms',
        reach: { atMost: 1 },
      } satisfies Measured,
    ];
  };
}

function addedLatencies(ours: readonly Round[], floor: readonly Round[]): readonly number[] {
  const p50 = (round: Round | undefined): number => percentile(round?.latencies ?? [], 0.5);
  return ours.map((round, index) => p50(round) - p50(floor[index]));
}

export const approveRest = together(REST);
export const approveGraphql = together(GRAPHQL);
export const approveRestAlone = alone(REST);
export const approveGraphqlAlone = alone(GRAPHQL);
