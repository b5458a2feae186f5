import { table } from '../sql/table';

/** A stored policy version; lists use its number as the id. */
export interface StoredPolicy {
  readonly organizationId: number;
  readonly id: number;
  readonly document: unknown;
  readonly changedById: number | null;
  readonly reason: string | null;
  readonly changedAt: Date;
}

export const POLICIES = table<StoredPolicy>(
  'approval_policies',
  {
    organizationId: { name: 'organization_id', type: 'bigint', primary: true },
    id: { name: 'version', type: 'integer', primary: true },
    document: { type: 'jsonb' },
    changedById: { name: 'changed_by', type: 'bigint', nullable: true },
    reason: { type: 'text', nullable: true },
    changedAt: { name: 'changed_at', type: 'timestamptz', precision: 3 },
  },
  { heavy: ['document', 'reason'] },
);
