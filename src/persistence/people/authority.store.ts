import type { PolicyVersion } from '../../domain/policy';
import type { Reviewer, Tenant, User } from '../../domain/principal';
import type { AdminStore, AdminWrites } from '../../use-cases/administration/as-admin';
import { decisionOf } from '../connections/admission';
import { addApiKey, revokeApiKey } from './api-keys.store';
import { auditRecords, momentAfter, writeAuditEntries } from '../audit/audit-entries';
import { appendAuditEntry } from '../audit/audit-log.store';
import type { Database } from '../sql/database';
import type { Sql } from '../sql/sql';
import { exclusiveAuthorityLockSql } from './authority-lock';
import { PrincipalReads } from './principals.reads';
import { UserReads } from './users.reads';
import { statement } from '../sql/statement';

const CLOSE_GATE = statement({
  name: 'close_gate',
  text: `SELECT ${exclusiveAuthorityLockSql('$1::bigint')} FROM organizations o WHERE o.id = $1`,
});

/** Locks the rows as well: decisions of another release and an operator's own SQL do not take the authority lock. */
const LOCK_AUTHORITY = statement({
  name: 'lock_authority',
  text: `SELECT FROM organizations o JOIN users u ON u.organization_id = $1 AND u.id = $2
    WHERE o.id = $1 FOR NO KEY UPDATE`,
});

const LOCK_PEOPLE = statement({
  name: 'lock_people',
  text: `SELECT FROM users WHERE organization_id = $1 AND (id = $2 OR (role = 'admin' AND active))
    ORDER BY id FOR NO KEY UPDATE`,
});

const OTHER_ADMINS = statement({
  name: 'other_admins',
  text: `SELECT count(*) AS count FROM users WHERE organization_id = $1 AND id <> $2 AND role = 'admin' AND active`,
});

/** $1 organization, $2 version, $3 document, $4 admin, $5 reason, $6 the audit entry, which gets the policy's time. */
const ADD_POLICY = statement({
  name: 'add_policy',
  fenced: 'audit',
  text: `
WITH chosen AS MATERIALIZED (SELECT 0 AS position, NULL::integer AS approvals_received),
  ${momentAfter('chosen')},
  added AS (
    INSERT INTO approval_policies (organization_id, version, document, changed_by, reason, changed_at)
    SELECT $1, $2, $3::jsonb, $4, $5, at FROM moment
    RETURNING version, changed_at
  ),
  changed AS (
    UPDATE organizations SET policy_version = version FROM added WHERE id = $1
  ),
  ${writeAuditEntries('$6', '$7, $8')}
SELECT changed_at AS "changedAt", written.id AS "auditId", leaf_hash AS "leafHash" FROM added CROSS JOIN written`,
});

const SET_USER = statement({
  name: 'set_user',
  text: `UPDATE users SET role = $3, approval_level = $4, max_risk_score = $5, active = $6
    WHERE organization_id = $1 AND id = $2 RETURNING version`,
});

/** Changes of authority. Each transaction excludes decisions and other changes of authority of its organization. */
export class AuthorityStore implements AdminStore {
  constructor(private readonly database: Database) {}

  exclusively<T>(
    reviewer: Reviewer,
    work: (now: Reviewer | null, writes: AdminWrites) => Promise<T>,
  ): Promise<T> {
    return this.database.transaction(async (sql) => {
      // Separate statements: what is read under a lock has to come from a snapshot taken after the wait for it.
      await sql.query(CLOSE_GATE, [reviewer.organizationId]);
      await sql.query(LOCK_AUTHORITY, [reviewer.organizationId, reviewer.user.id]);
      const now = await new PrincipalReads(sql).reviewerNow(reviewer);
      return work(now, writesIn(sql, now ?? reviewer));
    }, decisionOf(reviewer));
  }
}

function writesIn(sql: Sql, admin: Reviewer): AdminWrites {
  const { organizationId } = admin;
  return {
    addPolicy: async (rules, reason, entry): Promise<PolicyVersion> => {
      const version = admin.policy.version + 1;
      const changedById = admin.user.id;
      const values = [
        organizationId,
        version,
        JSON.stringify(rules),
        changedById,
        reason,
        auditRecords([entry]),
      ];
      const [row] = await sql.query<{ changedAt: Date }>(ADD_POLICY, values);
      if (row === undefined) throw new Error('The policy was not added');
      return { version, ...rules, changedById, reason, changedAt: row.changedAt };
    },
    person: async (userId) => {
      await sql.query(LOCK_PEOPLE, [organizationId, userId]);
      const tenant: Tenant = { organizationId };
      const [user = null] = await new UserReads(sql).byIds(tenant, [userId]);
      const [others] = await sql.query<{ count: number }>(OTHER_ADMINS, [organizationId, userId]);
      return { user, otherAdmins: others?.count ?? 0 };
    },
    setUser: async (user, entry): Promise<User> => {
      const { id, role, approvalLevel, maxRiskScore, active } = user;
      const values = [organizationId, id, role, approvalLevel, maxRiskScore, active];
      const [row] = await sql.query<{ version: number }>(SET_USER, values);
      if (row === undefined) throw new Error(`User ${String(id)} was not changed`);
      await appendAuditEntry(sql, entry);
      return { ...user, version: row.version };
    },
    addApiKey: (key, grant, ownerId, by) => addApiKey(sql, { organizationId }, key, grant, ownerId, by),
    revokeApiKey: (id, reason, by) => revokeApiKey(sql, { organizationId }, id, reason, by),
  };
}
