import type { AuditEntryDraft } from '../domain/audit-entry';
import { AUDIT_RECORD_COLUMNS, auditRecord, momentAfter, WRITE_AUDIT_ENTRIES } from './audit-entries';
import type { Sql, Statement } from './database';

const APPEND: Statement = {
  name: 'append_audit_entries',
  text: `
WITH chosen AS MATERIALIZED (
    SELECT d.*, NULL::integer AS approvals_received
    FROM json_to_recordset($2::json) AS d(position integer, ${AUDIT_RECORD_COLUMNS})
  ),
  ${momentAfter('chosen')},
  ${WRITE_AUDIT_ENTRIES}
SELECT id FROM written`,
};

/** Appends one entry, in the transaction of what it tells of. */
export async function appendAuditEntry(sql: Sql, draft: AuditEntryDraft): Promise<void> {
  await sql.query(APPEND, [draft.organizationId, JSON.stringify([{ position: 0, ...auditRecord(draft) }])]);
}
