import type { User } from '../../domain/principal';
import { table } from '../sql/table';

export const USERS = table<User>('users', {
  organizationId: { name: 'organization_id', type: 'bigint', primary: true },
  id: { type: 'bigint', primary: true },
  name: { type: 'text' },
  role: { type: 'text' },
  approvalLevel: { name: 'approval_level', type: 'smallint', nullable: true },
  maxRiskScore: { name: 'max_risk_score', type: 'double precision', nullable: true },
  active: { type: 'boolean' },
  version: { type: 'integer' },
});
