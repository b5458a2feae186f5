import type { QueryResultRow } from 'pg';
import { toldOf, type Entry, type Ledger, type Told } from './ledger';

/** Runs SQL on the server directly, not through a link. */
export type RunSql = <Row extends QueryResultRow>(
  text: string,
  values?: readonly unknown[],
) => Promise<Row[]>;

/** A broken promise, found after a fault. */
export interface Violation {
  /** The promise's name in docs/reliability.md, such as P1. */
  readonly promise: string;
  readonly detail: string;
}

interface AuditRow extends QueryResultRow {
  readonly id: string;
  readonly type: string;
  readonly action: number;
}

const ENTRY_OF = { approve: 'action_approved', reject: 'action_denied' } as const;

/** Compares the responses that clients received since the last check with the database. */
export async function compareWithDatabase(
  sql: RunSql,
  entries: readonly Entry[],
): Promise<readonly Violation[]> {
  const ids = entries.map(({ operation }) => operation.id);
  const rows = await sql<AuditRow>(
    `SELECT client_correlation_id AS id, action_type AS type, action_id AS action FROM audit_log
     WHERE client_correlation_id = ANY ($1) AND action_type IN ('action_approved', 'action_denied', 'vote_recorded', 'action_submitted')`,
    [ids],
  );
  const byId = new Map<string, AuditRow[]>(ids.map((id) => [id, []]));
  for (const row of rows) byId.get(row.id)?.push(row);
  return entries.flatMap((entry) => violationsOf(entry, byId.get(entry.operation.id) ?? []));
}

function violationsOf(entry: Entry, rows: readonly AuditRow[]): readonly Violation[] {
  const { operation, endings } = entry;
  const overdue = endings
    .filter(({ kind }) => kind === 'overdue')
    .map(() => ({ promise: 'P9', detail: `${operation.kind} ${operation.id} got no answer in time` }));
  if (operation.readId !== undefined) return [...overdue, ...submissionViolations(entry, rows)];
  if (operation.verdict === undefined) return overdue;
  const told = new Map(operation.actionIds.map((actionId) => [actionId, toldOf(entry, actionId)]));
  const found = operation.actionIds.flatMap((actionId) =>
    decisionViolations(
      entry,
      actionId,
      told.get(actionId) ?? 'unknown',
      rows.filter(({ action }) => action === actionId),
    ),
  );
  const written = rows.length;
  const isPartial = operation.isAtomic === true && written !== 0 && written !== operation.actionIds.length;
  const partial = isPartial
    ? [
        {
          promise: 'P5',
          detail: `${operation.id}, atomic, decided ${String(written)} of ${String(operation.actionIds.length)}`,
        },
      ]
    : [];
  return [...overdue, ...found, ...partial];
}

function decisionViolations(
  { operation, endings }: Entry,
  actionId: number,
  told: Told,
  rows: readonly AuditRow[],
): readonly Violation[] {
  const what = `${operation.kind} ${operation.id} on action ${String(actionId)}`;
  const answers = JSON.stringify(endings).slice(0, 600);
  if (rows.length > 1) return [{ promise: 'P1', detail: `${what} has ${String(rows.length)} entries` }];
  const [row] = rows;
  const expected = {
    decided: ENTRY_OF[operation.verdict ?? 'approve'],
    voted: 'vote_recorded',
    refused: undefined,
  };
  if (told === 'unknown' || row?.type === expected[told]) return [];
  return told === 'refused'
    ? [{ promise: 'P3', detail: `${what} was refused and has an entry ${row?.type ?? ''}: ${answers}` }]
    : [
        {
          promise: 'P2',
          detail: `${what} was answered ${told} and has ${row?.type ?? 'no entry'}: ${answers}`,
        },
      ];
}

function submissionViolations(
  { operation, endings }: Entry,
  rows: readonly AuditRow[],
): readonly Violation[] {
  const submitted = rows.filter(({ type }) => type === 'action_submitted');
  const answered = endings.flatMap((ending) =>
    ending.kind === 'answered' && ending.status < 300 ? [operation.readId?.(ending.body)] : [],
  );
  const known = answered.filter((id) => id !== undefined);
  if (submitted.length > 1)
    return [{ promise: 'P4', detail: `${operation.id} was submitted ${String(submitted.length)} times` }];
  const wrong = known.filter((id) => id !== submitted[0]?.action);
  return wrong.map((id) => ({
    promise: 'P2',
    detail: `${operation.id} was told action ${String(id)}; the log has ${String(submitted[0]?.action)}`,
  }));
}

/** Conditions that must never occur in the database, whatever was sent. */
const NEVER: readonly { readonly promise: string; readonly what: string; readonly sql: string }[] = [
  {
    promise: 'P1',
    what: 'actions with more than one decision',
    sql: `SELECT action_id FROM audit_log WHERE action_type IN ('action_approved', 'action_denied', 'action_expired')
      GROUP BY action_id HAVING count(*) > 1`,
  },
  {
    promise: 'P3',
    what: 'decided actions without their entry',
    sql: `SELECT a.id FROM actions a WHERE a.status <> 'pending_approval' AND NOT EXISTS (SELECT FROM audit_log l
      WHERE l.organization_id = a.organization_id AND l.action_id = a.id AND l.action_type = 'action_' || a.status)`,
  },
  {
    promise: 'P3',
    what: 'entries of decisions that the action does not show',
    sql: `SELECT l.action_id FROM audit_log l WHERE l.action_type IN ('action_approved', 'action_denied') AND NOT EXISTS (
      SELECT FROM actions a WHERE a.organization_id = l.organization_id AND a.id = l.action_id AND l.action_type = 'action_' || a.status
        AND a.decided_at = l.timestamp AND a.decided_by IS NOT DISTINCT FROM l.actor_id)`,
  },
  {
    promise: 'P1',
    what: 'people with two votes on one action',
    sql: `SELECT action_id FROM audit_log WHERE action_type = 'vote_recorded' GROUP BY action_id, actor_id HAVING count(*) > 1`,
  },
  {
    promise: 'P7',
    what: 'decisions of API keys',
    sql: `SELECT id FROM audit_log WHERE action_type IN ('action_approved', 'action_denied', 'vote_recorded') AND actor_kind = 'api_key'`,
  },
  {
    promise: 'P8',
    what: 'decisions by somebody without the required level, or of an action of theirs',
    sql: `SELECT l.id FROM audit_log l JOIN actions a ON a.organization_id = l.organization_id AND a.id = l.action_id
      WHERE l.action_type IN ('action_approved', 'vote_recorded') AND l.actor_kind = 'user'
        AND (l.held_level < l.required_level OR a.submitted_by = l.actor_id)`,
  },
  {
    promise: 'P6',
    what: 'entries that are neither sealed nor queued, or both',
    sql: `SELECT l.id FROM audit_log l
      LEFT JOIN audit_leaf f ON f.organization_id = l.organization_id AND f.audit_id = l.id
      LEFT JOIN audit_pending p ON p.organization_id = l.organization_id AND p.audit_id = l.id
      WHERE (f.audit_id IS NULL) = (p.audit_id IS NULL)`,
  },
  {
    promise: 'P6',
    what: 'entries sealed twice',
    sql: 'SELECT audit_id FROM audit_leaf GROUP BY organization_id, audit_id HAVING count(*) > 1',
  },
  {
    promise: 'P6',
    what: 'trees with a gap, or whose newest checkpoint is not of all leaves',
    sql: `SELECT organization_id FROM audit_leaf f GROUP BY organization_id
      HAVING max(leaf_index) + 1 <> count(*)
        OR count(*) <> (SELECT max(tree_size) FROM audit_checkpoint c WHERE c.organization_id = f.organization_id)`,
  },
];

/** Checks the database for conditions that must never occur. */
export async function findImpossible(sql: RunSql): Promise<readonly Violation[]> {
  const violations: Violation[] = [];
  for (const { promise, what, sql: text } of NEVER) {
    const rows = await sql(text);
    if (rows.length > 0)
      violations.push({
        promise,
        detail: `${String(rows.length)} ${what}: ${JSON.stringify(rows.slice(0, 5))}`,
      });
  }
  return violations;
}

/** Finds audit entries of decisions that no client of this run requested. */
export async function findUnasked(sql: RunSql, ledger: Ledger): Promise<readonly Violation[]> {
  const rows = await sql<{ id: string | null; action: number }>(
    `SELECT client_correlation_id AS id, action_id AS action FROM audit_log
     WHERE action_type IN ('action_approved', 'action_denied', 'vote_recorded') AND actor_kind = 'user'`,
  );
  return rows
    .filter(({ id }) => id === null || !ledger.ids.has(id))
    .map(({ action }) => ({
      promise: 'P3',
      detail: `Action ${String(action)} was decided though nobody asked`,
    }));
}
