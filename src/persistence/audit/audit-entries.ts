import { entryText, type AuditEntryDraft, type Commitment } from '../../domain/audit-entry';
import { freshBytes } from '../../domain/random-bytes';

/** The columns of a record with their types, for `json_to_recordset`. */
const RECORD_COLUMNS = `
  action_type text, actor_kind text, actor_id bigint, on_behalf_of bigint, action_id bigint, verdict text, reason text,
  refusal_code text, risk_score double precision, required_level smallint, held_level smallint, policy_version integer,
  approvals_required integer, details text, correlation_id text, client_correlation_id text, ip_address text,
  ip_salt text, user_agent text, user_agent_salt text, data jsonb, pieces text[]`;

/** Names of the columns that are stored unchanged. */
const COLUMN_NAMES: readonly string[] = [...RECORD_COLUMNS.matchAll(/(\w+) [a-z ]+(?:\[\])?(?:,|$)/g)]
  .map(([, name]) => name ?? '')
  .filter((name) => !['ip_salt', 'user_agent_salt', 'pieces'].includes(name));

/**
 * Returns SQL that reads the records' keys from a JSON parameter, as `d`: enough for a statement to choose among them.
 * Only `writeAuditEntries` reads the whole records.
 */
export function auditRecordKeysSql(placeholder: string): string {
  return `json_to_recordset(${placeholder}::json) AS d(position integer, actor_kind text, actor_id bigint,
    on_behalf_of bigint, action_id bigint, refusal_code text, verdict text)`;
}

/** Returns drafts as the JSON that `writeAuditEntries` reads, each at its position in the list. */
export function auditRecords(drafts: readonly AuditEntryDraft[]): string {
  return placedAuditRecords(drafts.map((draft, position) => ({ position, draft })));
}

/** A draft with the position that the statement chooses it by. */
export interface PlacedDraft {
  readonly position: number;
  readonly draft: AuditEntryDraft;
}

/** Returns drafts as the same JSON, each at its given position. */
export function placedAuditRecords(placed: readonly PlacedDraft[]): string {
  return `[${placed.map(auditRecord).join(',')}]`;
}

/** In bytes. */
const SALT_LENGTH = 16;

/**
 * Returns a draft as one JSON record: its columns, and the canonical bytes split at the values that only the database
 * knows, with fresh salts for the commitments. Concatenated as text, since the canonical bytes contain most of it
 * already.
 */
function auditRecord({ position, draft }: PlacedDraft): string {
  const ip = commit(draft.origin.ipAddress);
  const userAgent = commit(draft.origin.userAgent);
  const { members, pieces } = entryText(draft, ip, userAgent);
  const origin = JSON.stringify({
    ip_address: ip?.value,
    ip_salt: ip?.salt.toString('hex'),
    user_agent: userAgent?.value,
    user_agent_salt: userAgent?.salt.toString('hex'),
    pieces,
  });
  return `{"position":${String(position)},${members},${origin.slice(1)}`;
}

/**
 * Returns a CTE `moment (at)`: one time for the whole statement, in milliseconds, taken after locking these relations.
 */
export function momentAfter(...relations: readonly string[]): string {
  const counted = relations.map((relation) => `(SELECT count(*) FROM ${relation})`).join(' + ');
  return `moment AS MATERIALIZED (
    SELECT date_trunc('milliseconds', clock_timestamp()) AS at FROM (SELECT ${counted} AS count) AS read_before
    WHERE read_before.count >= 0
  )`;
}

/**
 * Returns the CTEs that write audit entries: the row with its canonical bytes and leaf hash, and its place in the
 * sealer's queue. Needs `$1` to be the organization, a CTE `moment (at)`, and a CTE `chosen (position,
 * approvals_received)` that selects the records to write. Provides `written (id, action_id, leaf_hash)`, with ids in
 * the records' order. Independent of session settings. The records are read only here, because passing a row of so many
 * columns through another plan step costs more than reading it.
 * @param records the parameter with the records, as JSON
 * @param fence the last two parameters, which the database adds to a statement that is `fenced`
 */
export function writeAuditEntries(records: string, fence: string): string {
  return `
  numbered AS MATERIALIZED (
    SELECT next_fenced_id('audit_log_id_seq', ${fence}) AS id, position, approvals_received
    FROM (SELECT position, approvals_received FROM chosen ORDER BY position) AS ordered
  ),
  written AS (
    INSERT INTO audit_log (organization_id, id, "timestamp", approvals_received, ip_salt, user_agent_salt, canonical,
      leaf_hash, ${COLUMN_NAMES.join(', ')})
    SELECT $1, id, at, approvals_received, decode(ip_salt, 'hex'), decode(user_agent_salt, 'hex'), canonical,
      sha256(decode('00', 'hex') || canonical), ${COLUMN_NAMES.join(', ')}
    FROM json_to_recordset(${records}::json) AS d(position integer, ${RECORD_COLUMNS}) JOIN numbered USING (position) CROSS JOIN moment
      CROSS JOIN LATERAL (SELECT convert_to(
        pieces[1] || id || pieces[2] || to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') ||
        pieces[3] || coalesce(approvals_received::text, 'null') || pieces[4], 'UTF8') AS canonical) AS rendered
    RETURNING id, action_id, leaf_hash
  ),
  queued AS (
    INSERT INTO audit_pending (organization_id, audit_id) SELECT $1, id FROM written
  )`;
}

/** SQL for the first entry of `written`, in a SELECT that counts them. The write guard remembers it for the commit. */
export const WRITTEN_FIRST = `(array_agg(id ORDER BY id))[1] AS "auditId", (array_agg(leaf_hash ORDER BY id))[1] AS "leafHash"`;

function commit(value: string | null): Commitment | null {
  return value === null ? null : { value, salt: freshBytes(SALT_LENGTH) };
}
