/** The forms in which the audit log is exported (docs/audit-log.md#export). */
export const EXPORT_FORMATS = ['jsonl', 'csv', 'bundle'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** What of the log to export: from a time, inclusive, to another, exclusive. */
export interface ExportRequest {
  readonly format: ExportFormat;
  readonly from: Date | null;
  readonly to: Date | null;
}
