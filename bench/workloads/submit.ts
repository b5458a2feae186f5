import { load, type LoadRequest } from '../load';
import type { Bench, Workload } from '../measured';
import { byProcessorTime, inTurn, observed, sideOf, type Round } from '../rounds';
import { countSubmitted, type World } from '../world';
import { CONNECTIONS, decideFloor, FLOOR_NAME, operationsOf, warmUpOf } from './approve';

/** Measures submissions over REST by the API keys of several users, in turn with the floor of a decision. */
export const submit: Workload = async (bench) => {
  // As for approvals, the gateway's code is compiled first.
  if (!bench.options.isQuick) await submitActions(bench, 12_000);
  const count = operationsOf(bench);
  const { ours, floor } = await inTurn(bench, {
    ours: () => submitActions(bench, count),
    floor: () => decideFloor(bench, CONNECTIONS, count),
  });
  return [
    {
      title: `submit over REST by API key, ${String(CONNECTIONS)} connections`,
      ours: sideOf(ours),
      floor: sideOf(floor),
      floorName: FLOOR_NAME,
      ...byProcessorTime(ours, floor, 1.3),
    },
  ];
};

/** @throws {Error} unless every answer tells of an action, and as many actions and audit entries are there */
async function submitActions(bench: Bench, count: number): Promise<Round> {
  const { world, gateway, closables } = bench;
  const warmUp = warmUpOf(CONNECTIONS);
  const requests = submissions(world, warmUp + count);
  const owners = world.agents.map(({ userId }) => userId);
  const before = await countSubmitted(world, owners);
  const sent = { url: gateway.url, connections: CONNECTIONS, requests, warmUp, expected: '"action_id":' };
  const round = await observed(bench, requests.length, (onWarm) => load({ ...sent, onWarm }, closables));
  const added = (await countSubmitted(world, owners)) - before;
  if (added !== requests.length)
    throw new Error(`${String(requests.length)} submissions were answered and ${String(added)} stored`);
  return round;
}

/** Returns submissions of this many actions, by the world's agents in turn. */
function submissions({ agents }: World, count: number): readonly LoadRequest[] {
  return Array.from({ length: count }, (_, index) => ({
    method: 'POST',
    path: '/api/v1/actions/submit',
    headers: {
      'x-api-key': agents[index % agents.length]?.apiKey ?? '',
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      agent_id: `agent-${String(index % agents.length)}`,
      agent_name: `Agent ${String(index % agents.length)}`,
      action_type: 'database_write',
      description: `Change number ${String(index)} of the nightly run`,
      tool_name: 'postgres-client',
      target_system: 'billing-db',
      target_resource: `invoice-${String(index)}`,
      parameters: { rows: index % 1_000, dry_run: false },
    }),
  }));
}
