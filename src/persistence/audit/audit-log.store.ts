import type { AuditEntryDraft } from '../../domain/audit-entry';
import { auditRecordKeysSql, auditRecords, momentAfter, writeAuditEntries } from './audit-entries';
import type { Sql } from '../sql/sql';
import { statement } from '../sql/statement';

const APPEND = statement({
  name: 'append_audit_entries',
  fenced: 'audit',
  text: `
WITH chosen AS MATERIALIZED (
    SELECT position, NULL::integer AS approvals_received
    FROM ${auditRecordKeysSql('$2')}
  ),
  ${momentAfter('chosen')},
  ${writeAuditEntries('$2', '$3, $4')}
SELECT id AS "auditId", leaf_hash AS "leafHash" FROM written`,
});

/** Appends one entry, in the transaction of the change that it records. */
export async function appendAuditEntry(sql: Sql, draft: AuditEntryDraft): Promise<void> {
  await sql.query(APPEND, [draft.organizationId, auditRecords([draft])]);
}
