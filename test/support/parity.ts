import type { Gateway } from './gateway';

/** What a request did, without what two requests cannot share: ids, times and correlation ids are blanked. */
export interface Trace {
  readonly answer: unknown;
  /** The names of the application's statements, in order. */
  readonly statements: readonly string[];
  /** The audit entries written, whole, and their canonical bytes. */
  readonly entries: readonly { readonly entry: object; readonly canonical: object }[];
  /** The actions and votes as they are now. */
  readonly rows: readonly { readonly action: object; readonly vote: object | null }[];
}

/** Runs a request about these actions and returns everything that it did. */
export async function traceOf(
  { database }: Gateway,
  ids: readonly number[],
  ask: () => Promise<unknown>,
): Promise<Trace> {
  const [last] = await database.sql<{ id: number }>('SELECT max(id) AS id FROM audit_log');
  database.statements.length = 0;
  const answer = await ask();
  const statements = database.statements.map(({ name }) => name);
  const entries = await database.sql(
    `SELECT to_jsonb(a) - '{id,canonical,leaf_hash,ip_salt,user_agent_salt}'::text[] AS entry,
       convert_from(canonical, 'UTF8')::jsonb - '{audit_id,ip_commitment,user_agent_commitment}'::text[] AS canonical
     FROM audit_log a WHERE id > $1 ORDER BY id`,
    [last?.id],
  );
  const rows = await database.sql(
    `SELECT to_jsonb(a) AS action, to_jsonb(v) AS vote FROM actions a LEFT JOIN votes v
       ON v.organization_id = a.organization_id AND v.action_id = a.id
     WHERE a.id = ANY($1) ORDER BY array_position($1::bigint[], a.id), v.user_id`,
    [ids],
  );
  return blank({ answer, statements, entries, rows }, ids, []) as Trace;
}

/** Sends a request over REST about these actions, and over GraphQL about those, which are in the same state. */
export async function expectParity(
  gateway: Gateway,
  [ids, otherIds]: readonly [readonly number[], readonly number[]],
  overRest: (ids: readonly number[]) => Promise<unknown>,
  overGraphql: (ids: readonly number[]) => Promise<unknown>,
): Promise<Trace> {
  const rest = await traceOf(gateway, ids, () => overRest(ids));
  const graphql = await traceOf(gateway, otherIds, () => overGraphql(otherIds));
  expect(graphql).toEqual(rest);
  return rest;
}

/** Puts a name in place of what two requests cannot share; equal values get the same name. */
function blank(value: unknown, ids: readonly number[], correlationIds: string[]): unknown {
  if (Array.isArray(value)) return value.map((item) => blank(item, ids, correlationIds));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        // Each belongs to one entry, so that no two are the same; their contents are tested elsewhere.
        key === 'audit_receipt' ? Object.keys(item as object) : blank(item, ids, correlationIds),
      ]),
    );
  if (typeof value === 'number' && ids.includes(value)) return `id ${String(ids.indexOf(value))}`;
  if (typeof value !== 'string') return value;
  const text = value
    .replace(/action_\d{8}_\d{6}_[0-9a-f]{16}/, (correlationId) => {
      if (!correlationIds.includes(correlationId)) correlationIds.push(correlationId);
      return `correlation id ${String(correlationIds.indexOf(correlationId))}`;
    })
    .replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$/, 'time');
  return ids.reduce((seen, id, index) => seen.replace(String(id), `id ${String(index)}`), text);
}
