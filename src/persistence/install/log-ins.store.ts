import { SYSTEM_ACTOR, type RequestOrigin } from '../../domain/audit-entry';
import type { User } from '../../domain/principal';
import { userRecord } from '../../domain/user-change';
import { appendAuditEntry } from '../audit/audit-log.store';
import type { Sql } from '../sql/sql';
import { statement } from '../sql/statement';

/** The claims of a token that identify a user. */
export interface Identity {
  readonly issuer: string;
  readonly subject: string;
}

/** A user with one of their log-ins; null for a user without any. */
export interface ListedUser extends User {
  readonly login: Identity | null;
}

/** The result of replacing a log-in: the replaced one (null for a user without any), or why nothing changed. */
export type Relinked =
  | { readonly replaced: Identity | null }
  | { readonly refused: 'no such user' | 'taken' | 'no such log-in' | 'several log-ins' };

/**
 * Links a token's issuer and subject to a user.
 * @returns false if they belong to a user already
 */
export async function addIdentity(
  sql: Sql,
  organizationId: number,
  userId: number,
  { issuer, subject }: Identity,
): Promise<boolean> {
  const rows = await sql.query(INSERT_IDENTITY, [organizationId, userId, issuer, subject]);
  return rows.length > 0;
}

/** Returns the organization of a user; null for an unknown one. */
export async function organizationOf(sql: Sql, userId: number): Promise<number | null> {
  const [user] = await sql.query<{ organizationId: number }>(ORGANIZATION_OF_USER, [userId]);
  return user?.organizationId ?? null;
}

/** Returns an organization's users by id, once per log-in. */
export function usersWithLogins(sql: Sql, organizationId: number): Promise<readonly ListedUser[]> {
  return sql.query<ListedUser>(USERS_WITH_LOGINS, [organizationId]);
}

/**
 * Replaces a user's log-in by another issuer and subject, with an audit entry. The old one is no longer valid
 * afterwards.
 * @param from the log-in to replace; null for the only one, or for a user without any
 */
export async function relink(
  sql: Sql,
  userId: number,
  from: Identity | null,
  to: Identity,
  origin: RequestOrigin,
): Promise<Relinked> {
  const [user] = await sql.query<User>(LOCK_USER, [await organizationOf(sql, userId), userId]);
  if (user === undefined) return { refused: 'no such user' };
  const logins = await sql.query<Identity>(LOGINS_OF, [user.organizationId, userId]);
  const chosen = from === null ? logins : logins.filter((login) => isSame(login, from));
  if (from !== null && chosen.length === 0) return { refused: 'no such log-in' };
  if (chosen.length > 1) return { refused: 'several log-ins' };
  if (!(await addIdentity(sql, user.organizationId, userId, to))) return { refused: 'taken' };
  const [replaced = null] = chosen;
  if (replaced !== null)
    await sql.query(DELETE_IDENTITY, [user.organizationId, replaced.issuer, replaced.subject]);
  const before = replaced === null ? '' : `, no longer as ${nameOf(replaced)}`;
  const record = userRecord(user);
  await appendAuditEntry(sql, {
    organizationId: user.organizationId,
    actionType: 'user_changed',
    actor: SYSTEM_ACTOR,
    details: `User ${String(userId)} logs in as ${nameOf(to)}${before}`,
    origin,
    data: { user_id: userId, before: record, after: record },
  });
  return { replaced };
}

function isSame(one: Identity, other: Identity): boolean {
  return one.issuer === other.issuer && one.subject === other.subject;
}

function nameOf({ issuer, subject }: Identity): string {
  return `subject ${subject} of ${issuer}`;
}

const PERSON = `u.organization_id AS "organizationId", u.id, u.name, u.role, u.approval_level AS "approvalLevel",
  u.max_risk_score AS "maxRiskScore", u.active, u.version`;

/** No foreign key holds a log-in to its user, since log-ins are searched before the organization is known. */
const INSERT_IDENTITY = statement({
  name: 'insert_identity',
  text: `INSERT INTO user_identities (organization_id, user_id, issuer, subject)
    SELECT $1::bigint, $2::bigint, $3::text, $4::text FROM users u WHERE u.organization_id = $1 AND u.id = $2
    ON CONFLICT DO NOTHING RETURNING user_id`,
});
const DELETE_IDENTITY = statement({
  name: 'delete_identity',
  text: 'DELETE FROM user_identities WHERE organization_id = $1 AND issuer = $2 AND subject = $3',
});
const ORGANIZATION_OF_USER = statement({
  name: 'organization_of_user',
  text: 'SELECT organization_id AS "organizationId" FROM users WHERE id = $1',
});
const LOCK_USER = statement({
  name: 'lock_user_to_relink',
  text: `SELECT ${PERSON} FROM users u WHERE u.organization_id = $1 AND u.id = $2 FOR UPDATE`,
});
const LOGINS_OF = statement({
  name: 'logins_of',
  text: 'SELECT issuer, subject FROM user_identities WHERE organization_id = $1 AND user_id = $2',
});
const USERS_WITH_LOGINS = statement({
  name: 'users_with_logins',
  text: `SELECT ${PERSON},
      CASE WHEN i.issuer IS NOT NULL THEN jsonb_build_object('issuer', i.issuer, 'subject', i.subject) END AS login
    FROM users u LEFT JOIN user_identities i ON i.organization_id = $1 AND i.user_id = u.id
    WHERE u.organization_id = $1 ORDER BY u.id, i.created_at, i.issuer, i.subject`,
});
