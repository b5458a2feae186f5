import { auditActorOf, type AuditLogEntry, type RequestOrigin } from '../domain/audit-entry';
import type { Reviewer } from '../domain/principal';
import { appendAuditEntry } from '../persistence/audit/audit-log.store';
import { exportOf } from '../persistence/connections/admission';
import { AuditLogReads } from '../persistence/audit/audit-log.reads';
import { BundleReads } from '../persistence/audit/bundle.reads';
import type { Database } from '../persistence/sql/database';
import type { Sql } from '../persistence/sql/sql';
import { TreeReads } from '../persistence/audit/tree.reads';
import type { ExportRequest } from './export-formats';
import type { BundleRecord } from './bundle';
import { bundleRecords } from './bundle-records';
import type { LogKey } from './log-key';

/** Exports from the database, each in one snapshot, so that its parts are consistent. */
export class DatabaseExport {
  constructor(
    private readonly database: Database,
    private readonly key: LogKey,
    private readonly clock: () => Date,
  ) {}

  /** Writes the audit entry of an export, before the first byte is sent. */
  record(viewer: Reviewer, { format, from, to }: ExportRequest, origin: RequestOrigin): Promise<void> {
    return appendAuditEntry(this.database, {
      organizationId: viewer.organizationId,
      actionType: 'audit_exported',
      actor: auditActorOf(viewer),
      details: `Audit log exported as ${format} by user ${String(viewer.user.id)}`,
      origin,
      data: { format, from: from?.toISOString() ?? null, to: to?.toISOString() ?? null },
    });
  }

  /** Yields the entries as the viewer may see them, oldest first. */
  entries(viewer: Reviewer, { from, to }: ExportRequest): AsyncIterable<AuditLogEntry> {
    return this.database.snapshot(
      (sql) => new AuditLogReads(sql).all(viewer, { from, to }),
      exportOf(viewer),
    );
  }

  /** Yields the records of a bundle. With times, only the entries in the range include their canonical bytes. */
  bundle(viewer: Reviewer, { from, to }: ExportRequest): AsyncIterable<BundleRecord> {
    return this.database.snapshot((sql) => this.bundleIn(sql, viewer, from, to), exportOf(viewer));
  }

  private async *bundleIn(
    sql: Sql,
    viewer: Reviewer,
    from: Date | null,
    to: Date | null,
  ): AsyncIterable<BundleRecord> {
    const tree = new TreeReads(sql);
    const range = from === null && to === null ? {} : await tree.leavesBetween(viewer, from, to);
    yield* bundleRecords(viewer, new BundleReads(sql), tree, this.key, this.clock(), range);
  }
}
