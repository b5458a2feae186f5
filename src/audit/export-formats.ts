/** The export formats of the audit log (docs/audit-log.md#export). */
export const EXPORT_FORMATS = ['jsonl', 'csv', 'bundle'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** The format and the time range of an export: from inclusive, to exclusive. */
export interface ExportRequest {
  readonly format: ExportFormat;
  readonly from: Date | null;
  readonly to: Date | null;
}
