import type { DatabaseSchema } from '../sql/database';
import { Initial1763800000000 } from '../../../migrations/1763800000000-initial';
import { PoliciesAndExpiry1763900000000 } from '../../../migrations/1763900000000-policies-and-expiry';
import { SealedAuditLog1764000000000 } from '../../../migrations/1764000000000-sealed-audit-log';
import { ApiKeys1764150000000 } from '../../../migrations/1764150000000-api-keys';
import { ErasableOrigins1764170000000 } from '../../../migrations/1764170000000-erasable-origins';
import { Submission1764180000000 } from '../../../migrations/1764180000000-submission';
import { QueueWithoutForeignKey1764220000000 } from '../../../migrations/1764220000000-queue-without-foreign-key';
import { IdempotencyKeys1764230000000 } from '../../../migrations/1764230000000-idempotency-keys';
import { EvidenceWithoutForeignKeys1764300000000 } from '../../../migrations/1764300000000-evidence-without-foreign-keys';
import { LeavesWithoutForeignKey1764400000000 } from '../../../migrations/1764400000000-leaves-without-foreign-key';
import { ActionTexts1764500000000 } from '../../../migrations/1764500000000-action-texts';
import { WhoCountsAsSubmitter1764600000000 } from '../../../migrations/1764600000000-who-counts-as-submitter';
import { ConfirmingVotes1764610000000 } from '../../../migrations/1764610000000-confirming-votes';
import { RefusalsAndSubmissionsAreBounded1764620000000 } from '../../../migrations/1764620000000-refusals-and-submissions-are-bounded';
import { Rollback1764800000000 } from '../../../migrations/1764800000000-rollback';
import { RollbackReport1764900000000 } from '../../../migrations/1764900000000-rollback-report';
import { OrganizationsApart1765000000000 } from '../../../migrations/1765000000000-organizations-apart';
import { ACTIONS } from '../actions/action.table';
import { AUDIT_LOG } from '../audit/audit-log.table';
import { API_KEYS } from '../people/api-key.table';
import { USERS } from '../people/user.table';

/** The tables that TypeORM knows, and every migration in its order. */
export const SCHEMA: DatabaseSchema = {
  entities: [ACTIONS.schema, USERS.schema, AUDIT_LOG.schema, API_KEYS.schema],
  migrations: [
    Initial1763800000000,
    PoliciesAndExpiry1763900000000,
    SealedAuditLog1764000000000,
    ApiKeys1764150000000,
    ErasableOrigins1764170000000,
    Submission1764180000000,
    QueueWithoutForeignKey1764220000000,
    IdempotencyKeys1764230000000,
    EvidenceWithoutForeignKeys1764300000000,
    LeavesWithoutForeignKey1764400000000,
    ActionTexts1764500000000,
    WhoCountsAsSubmitter1764600000000,
    ConfirmingVotes1764610000000,
    RefusalsAndSubmissionsAreBounded1764620000000,
    Rollback1764800000000,
    RollbackReport1764900000000,
    OrganizationsApart1765000000000,
  ],
};
