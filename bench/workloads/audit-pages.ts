import { isDeepStrictEqual } from 'node:util';
import { load, type LoadRequest } from '../load';
import type { Bench, Measured, Workload } from '../measured';
import { inTurn, observed, processorRatio, sideOf, type Round } from '../rounds';
import { medianRatio, percentile } from '../statistics';

const CONNECTIONS = 8;
const WARM_UP = 2 * CONNECTIONS;
const PAGE = 50;
/** The position of the deep page: 4,900,000 of 5,000,000. */
const DEPTH = 0.98;
/** How much longer the deep page may take than the first one. */
const LIMIT = 1.5;

/** A page of the audit log as an analyst requests it, newest first. */
const QUERY = `query Page($filter: AuditLogFilter, $after: String) {
  auditLogs(filter: $filter, first: ${String(PAGE)}, after: $after) {
    edges { cursor node {
      id actionType timestamp actorKind actor { id name role } actionId action { id status riskScore }
      details reason refusalCode correlationId
    } }
    pageInfo { hasNextPage endCursor }
  }
}`;

/** A list: its filter for the gateway, and the same condition as SQL on `audit_log`. */
interface List {
  readonly name: string;
  readonly filter: Readonly<Record<string, unknown>>;
  readonly where: string;
}

/** A page of a list: the cursor before it, and the entries that it has to hold. */
interface Place {
  readonly list: List;
  readonly depth: number;
  readonly of: number;
  readonly after: string | null;
  readonly ids: readonly number[];
}

/** Measures deep pages of the audit log, in turn with the first pages of the same lists. */
export const auditPages: Workload = async (bench) => {
  const measured: Measured[] = [];
  for (const list of listsOf(bench)) measured.push(await measure(bench, list));
  return measured;
};

function listsOf({ world }: Bench): readonly List[] {
  const reviewer = world.reviewers[0]?.userId ?? 0;
  return [
    { name: 'audit log', filter: {}, where: 'true' },
    {
      name: 'audit log of one action type',
      filter: { actionType: ['action_approved'] },
      where: `action_type = 'action_approved'`,
    },
    {
      name: 'audit log of one actor',
      filter: { actorId: [String(reviewer)] },
      where: `actor_id = ${String(reviewer)} AND actor_kind = 'user'`,
    },
  ];
}

async function measure(bench: Bench, list: List): Promise<Measured> {
  const of = await countOf(bench, list);
  const [top, bottom] = [
    await placeAt(bench, list, 0, of),
    await placeAt(bench, list, Math.max(0, Math.min(Math.floor(DEPTH * of), of - PAGE)), of),
  ];
  const { deep, first } = await inTurn(bench, {
    deep: () => read(bench, bottom),
    first: () => read(bench, top),
  });
  return {
    title: `${list.name}: page of ${String(PAGE)} at depth ${String(bottom.depth)} of ${String(of)}, p50`,
    ours: sideOf(deep),
    floor: sideOf(first),
    floorName: 'the first page',
    processorRatio: processorRatio(deep, first),
    value: medianRatio(deep.map(p50Of), first.map(p50Of)),
    unit: 'ratio',
    reach: { atMost: LIMIT },
  };
}

function p50Of({ latencies }: Round): number {
  return percentile(latencies, 0.5);
}

function read(bench: Bench, place: Place): Promise<Round> {
  const { options, gateway, closables } = bench;
  const count = WARM_UP + (options.isQuick ? 64 : 1_000);
  const requests = Array.from({ length: count }, () => requestOf(bench, place.list, place.after));
  // Its content was compared beforehand. The last entry shows that a response is a whole page.
  const expected = `"id":"${String(place.ids.at(-1))}"`;
  const sent = { url: gateway.url, connections: CONNECTIONS, requests, warmUp: WARM_UP, expected };
  return observed(bench, requests.length, (onWarm) => load({ ...sent, onWarm }, closables));
}

function requestOf({ world }: Bench, { filter }: List, after: string | null): LoadRequest {
  return {
    method: 'POST',
    path: '/graphql',
    headers: {
      authorization: `Bearer ${world.reviewers[0]?.token ?? ''}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ query: QUERY, variables: { filter, after } }),
  };
}

async function countOf({ world }: Bench, { where }: List): Promise<number> {
  const { rows } = await world.superuser.query<{ count: number }>(
    `SELECT count(*) FROM audit_log WHERE organization_id = $1 AND ${where}`,
    [world.organizationId],
  );
  return rows[0]?.count ?? 0;
}

/**
 * @throws {Error} unless the gateway returns exactly the entries of this place, after a cursor that it issued itself
 */
async function placeAt(bench: Bench, list: List, depth: number, of: number): Promise<Place> {
  const { world } = bench;
  const { rows } = await world.superuser.query<{ id: number; timestamp: Date }>(
    `SELECT id, "timestamp" FROM audit_log WHERE organization_id = $1 AND ${list.where}
     ORDER BY "timestamp" DESC, id DESC OFFSET $2 LIMIT $3`,
    [world.organizationId, Math.max(0, depth - 1), PAGE + (depth > 0 ? 1 : 0)],
  );
  const [before, ...rest] = rows;
  const after = depth > 0 && before !== undefined ? await cursorOf(bench, list, before) : null;
  const ids = (depth > 0 ? rest : rows).map(({ id }) => id);
  const { edges } = await ask(bench, list, after);
  if (
    ids.length === 0 ||
    !isDeepStrictEqual(
      edges.map(({ node }) => Number(node.id)),
      ids,
    )
  )
    throw new Error(`The page at ${String(depth)} of ${String(of)} holds other entries`);
  return { list, depth, of, after, ids };
}

/** Returns the cursor of an entry, from a page that holds it. */
async function cursorOf(bench: Bench, list: List, entry: { id: number; timestamp: Date }): Promise<string> {
  const to = new Date(entry.timestamp.getTime() + 1);
  const { edges } = await ask(bench, { ...list, filter: { ...list.filter, to } }, null);
  const edge = edges.find(({ node }) => Number(node.id) === entry.id);
  if (edge === undefined) throw new Error(`Entry ${String(entry.id)} is not where it should be`);
  return edge.cursor;
}

interface Edges {
  readonly edges: readonly { readonly cursor: string; readonly node: { readonly id: string } }[];
}

async function ask(bench: Bench, list: List, after: string | null): Promise<Edges> {
  const { path, ...request } = requestOf(bench, list, after);
  const answer = await fetch(bench.gateway.url + path, request);
  const text = await answer.text();
  const { data } = JSON.parse(text) as { data?: { auditLogs: Edges } | null };
  if (!data) throw new Error(`A page was answered with ${text.slice(0, 2000)}`);
  return data.auditLogs;
}
