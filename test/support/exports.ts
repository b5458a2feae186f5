import { request, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { asSuperuser, type TestDatabase } from './database';
import type { Gateway } from './gateway';

/** How an export is requested. */
export interface Asked {
  readonly format: 'jsonl' | 'csv' | 'bundle';
  readonly user?: number;
  /** The rest of the query, such as `&from=2026-01-01`. */
  readonly range?: string;
  /** The Accept-Encoding header; none is sent if not given. */
  readonly encoding?: string;
}

/** An export under way, of which the client has read the first chunk and reads no further. */
export interface OpenExport {
  readonly response: IncomingMessage;
  /** Reads to the end; rejects where the transfer breaks off. */
  readonly rest: () => Promise<Buffer>;
  /** The client hangs up. */
  readonly leave: () => void;
}

/** Requests an export and waits for the head of the answer; nothing of its body is read. */
export function askForExport(
  gateway: Gateway,
  { format, user = 1, range = '', encoding }: Asked,
): { readonly answered: Promise<IncomingMessage>; readonly leave: () => void } {
  const sent = request(`${gateway.url}/api/admin/audit-logs/export?format=${format}${range}`, {
    headers: {
      authorization: `Bearer ${gateway.token(user)}`,
      ...(encoding !== undefined && { 'accept-encoding': encoding }),
    },
    agent: false,
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve).on('error', reject);
  });
  sent.end();
  return { answered, leave: () => sent.destroy() };
}

/** Requests an export, reads its first chunk and pauses. */
export async function openExport(gateway: Gateway, asked: Asked): Promise<OpenExport> {
  const { answered, leave } = askForExport(gateway, asked);
  const response = await answered;
  if (response.statusCode !== 200) throw new Error(`No export: ${String(response.statusCode)}`);
  const first = await new Promise<Buffer>((resolve, reject) => {
    response.on('error', reject).once('data', (chunk: Buffer) => {
      response.pause();
      resolve(chunk);
    });
  });
  response.removeAllListeners('error').on('error', () => undefined);
  return {
    response,
    rest: async () => Buffer.concat([first, await buffer(response)]),
    leave,
  };
}

/** How often in a row no page may have been read before an export counts as being at rest. */
const LOOKS = 5;

/**
 * Waits until exports read no more pages, as long as their clients read nothing. Each check reads a page of the log
 * itself, and so takes as long as what it waits for.
 */
export async function untilAtRest(database: TestDatabase): Promise<void> {
  for (let [fetched, looks] = [-1, 0]; looks < LOOKS; looks += 1) {
    await database.sql('SELECT * FROM audit_log ORDER BY organization_id, "timestamp", id LIMIT 400');
    if (database.statements.length !== fetched) looks = 0;
    fetched = database.statements.length;
  }
}

/** Waits until no export holds a snapshot of the database: it would hold a lock on the log too. */
export async function untilGivenBack(database: TestDatabase): Promise<void> {
  for (;;) {
    const [row] = await database.sql<{ held: number }>(
      `SELECT count(*) AS held FROM pg_locks
       WHERE relation = 'audit_log'::regclass AND pid <> pg_backend_pid() AND pid IN (
         SELECT pid FROM pg_stat_activity WHERE datname = current_database())`,
    );
    if (row?.held === 0) return;
  }
}

/** Ends the connections that exports hold, as a restart of the database does. */
export async function endConnections({ applicationUrl }: TestDatabase, condition = 'true'): Promise<void> {
  const { pathname, username } = new URL(applicationUrl);
  await asSuperuser(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${pathname.slice(1)}'
       AND usename = '${username}' AND xact_start IS NOT NULL AND ${condition}`,
  );
}

/**
 * Adds audit entries to an organization, made in SQL with their bytes and hashes, in the sealer's queue. Drops the
 * index of their texts, which would take most of the time and which no export reads.
 * @param length of each one's
 * reason, in characters that hardly compress; 32 at least
 */
export async function addEntries(
  database: TestDatabase,
  organizationId: number,
  userId: number,
  count: number,
  length: number,
): Promise<void> {
  await database.sql('DROP INDEX IF EXISTS audit_log_by_text');
  await database.sql(ADD_ENTRIES, [organizationId, userId, count, Math.floor(length / 32)]);
}

/** Seven of them share each moment: their order is then that of their ids. */
const ADD_ENTRIES = `
WITH numbered AS (
  SELECT nextval('audit_log_id_seq') AS id, '2026-02-01T00:00:00Z'::timestamptz + n / 7 * interval '1 second' AS at,
    (SELECT string_agg(md5(n || '-' || part), '') FROM generate_series(1, $4::integer) part) AS reason
  FROM generate_series(1, $3::integer) AS n
),
rendered AS (
  SELECT *, convert_to('{"v":1,"audit_id":' || id || ',"organization_id":' || $1::bigint ||
    ',"action_type":"decision_refused","timestamp":"' || to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') ||
    '","actor_kind":"user","actor_id":' || $2::bigint || ',"on_behalf_of":null,"action_id":null,"verdict":"approve","reason":"' ||
    reason || '","refusal_code":"INSUFFICIENT_PERMISSIONS","risk_score":null,"required_level":null,"held_level":null,' ||
    '"policy_version":1,"approvals_received":null,"approvals_required":null,"details":"Refused","correlation_id":"made",' ||
    '"client_correlation_id":null,"ip_commitment":null,"user_agent_commitment":null,"data":null}', 'UTF8') AS canonical
  FROM numbered
),
written AS (
  INSERT INTO audit_log (organization_id, id, action_type, "timestamp", actor_kind, actor_id, verdict, reason, refusal_code,
    policy_version, details, correlation_id, canonical, leaf_hash)
  SELECT $1, id, 'decision_refused', at, 'user', $2, 'approve', reason, 'INSUFFICIENT_PERMISSIONS', 1, 'Refused', 'made',
    canonical, sha256(decode('00', 'hex') || canonical)
  FROM rendered ORDER BY id
  RETURNING organization_id, id
)
INSERT INTO audit_pending (organization_id, audit_id) SELECT organization_id, id FROM written`;
