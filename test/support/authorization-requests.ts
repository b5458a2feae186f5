import type { Cell } from './authorization-cells';
import { outcomeOf } from './apis';
import type { Answer, Gateway, RequestOptions } from './gateway';

/** A cell with the action that it is about; an id that no action has where it is about none. */
export interface Prepared {
  readonly cell: Cell;
  readonly actionId: number;
}

/** The outcome. */
export interface Told extends Prepared {
  readonly http: number;
  readonly said: string;
  /** Without the action's id, which two requests cannot share. */
  readonly detail: string | null;
}

/** The documents' variables, besides the action. */
export type Targets = Readonly<Record<string, number>>;

const NO_ACTION = 9_000_000_000;
/** How many requests run at once. */
const AT_ONCE = 8;

/**
 * Gives each cell that is about an action one of its own: pending, of Acme, the caller's own where the cell says so.
 */
export async function prepare(
  gateway: Gateway,
  cells: readonly Cell[],
  callersId: number,
): Promise<readonly Prepared[]> {
  const actionIds = new Map<Cell, number>();
  for (const isOwn of [false, true]) {
    const given = cells.filter(({ aim }) => aim?.score != null && (aim.isOwn === true) === isOwn);
    const scores = given.map(({ aim }) => aim?.score ?? 0);
    const ids = await gateway.addActions(scores, isOwn ? { submitter: callersId } : {});
    given.forEach((cell, n) => actionIds.set(cell, ids[n] ?? NO_ACTION));
  }
  return cells.map((cell) => ({ cell, actionId: actionIds.get(cell) ?? NO_ACTION }));
}

/** Sends all requests as one caller, a few at a time, and returns the outcomes in the same order. */
export async function ask(
  gateway: Gateway,
  credential: RequestOptions,
  prepared: readonly Prepared[],
  targets: Targets,
): Promise<readonly Told[]> {
  const askOne = async ({ cell, actionId }: Prepared): Promise<Told> => {
    const answer = await send(gateway, credential, cell, { ...targets, action: actionId });
    return { cell, actionId, http: answer.status, ...saidBy(answer, cell, actionId) };
  };
  const told: Told[] = [];
  for (let start = 0; start < prepared.length; start += AT_ONCE)
    told.push(...(await Promise.all(prepared.slice(start, start + AT_ONCE).map(askOne))));
  return told;
}

function send(gateway: Gateway, caller: RequestOptions, { sent }: Cell, targets: Targets): Promise<Answer> {
  if (typeof sent === 'string') return gateway.graphql(sent, { ...caller, variables: targets });
  const filled = (text: string): string => text.replace('$action', String(targets['action']));
  const body = sent.body === undefined ? {} : { body: JSON.parse(filled(sent.body)) as unknown };
  return gateway.rest(sent.method, filled(sent.path), { ...caller, ...body });
}

interface BulkItem {
  readonly error_code?: string;
  readonly status: number | string;
  readonly detail?: string;
  readonly refusal?: { readonly code: string; readonly status: number; readonly detail: string } | null;
}

/** An answer in the words of the tables. */
function saidBy(
  answer: Answer,
  { api, row, isHead }: Cell,
  actionId: number,
): { said: string; detail: string | null } {
  if (isHead === true) return { said: String(answer.status), detail: null };
  // A body that is no JSON is no refusal either, as each refusal is JSON.
  const body = (answer.body ?? {}) as { data?: Record<string, any> | null; results?: readonly BulkItem[] };
  const { status, code, detail } = outcomeOf({ ...answer, body });
  const plain = (text: string | null | undefined) => text?.replaceAll(String(actionId), 'ID') ?? null;
  if (code !== null) {
    const isAbsent = api === 'rest' && row.startsWith('GET') && code === 'ACTION_NOT_FOUND';
    return {
      said: isAbsent ? 'absent' : `${String(status)} ${code}`,
      detail: isAbsent ? null : plain(detail),
    };
  }
  if (answer.status !== 200) return { said: `${String(answer.status)} without a code`, detail: null };
  const field = api === 'graphql' ? body.data?.[row] : undefined;
  if (field === null) return { said: 'absent', detail: null };
  const [item] = (field?.results ?? body.results ?? []) as readonly BulkItem[];
  if (item === undefined) return { said: 'ok', detail: null };
  const refusal = item.refusal ?? (item.error_code === undefined ? null : { ...item, code: item.error_code });
  if (refusal === null) return { said: 'item ok', detail: null };
  return { said: `item ${String(refusal.status)} ${refusal.code}`, detail: plain(refusal.detail) };
}

/** Everything that is stored, as one hash per table, without the denial records. */
export async function stored({ database }: Gateway): Promise<unknown> {
  const tables = await database.sql<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'
       AND tablename NOT IN ('audit_pending', 'refusal_throttle', 'refusal_windows') ORDER BY tablename`,
  );
  const hashes = tables.map(
    ({ name }) =>
      // The last use of a key is recorded whatever the outcome.
      `(SELECT md5(string_agg(row, ' ' ORDER BY row)) FROM (SELECT (to_jsonb(t) - 'last_used_at')::text AS row FROM ${name} t
        ${name === 'audit_log' ? "WHERE action_type <> 'decision_refused'" : ''}) rows) AS ${name}`,
  );
  const [row] = await database.sql(`SELECT ${hashes.join(', ')}`);
  return row;
}

/** An audit entry's type, and its actor. */
export interface Entry {
  readonly type: string;
  readonly organization: number;
  readonly kind: string;
  readonly actor: number | null;
}

/** The audit entries that were written after one, by type. */
export function entriesAfter({ database }: Gateway, id: number): Promise<readonly Entry[]> {
  return database.sql(
    `SELECT action_type AS type, organization_id AS organization, actor_kind AS kind, actor_id AS actor
     FROM audit_log WHERE id > $1 ORDER BY action_type, id`,
    [id],
  );
}

/** The newest audit entry. */
export async function lastEntry({ database }: Gateway): Promise<number> {
  const [last] = await database.sql<{ id: number }>('SELECT max(id) AS id FROM audit_log');
  return last?.id ?? 0;
}
