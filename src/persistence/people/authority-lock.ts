/** First key of the authority locks, which separates them from other advisory locks of the database. */
const AUTHORITY_LOCK = 20_260_120;

/**
 * Returns SQL that takes an organization's shared authority lock until the transaction ends, as decisions do. Row locks
 * alone could starve a waiting change of authority, since PostgreSQL grants a shared row lock beside another. This lock
 * is granted in the order of the requests.
 */
export function sharedAuthorityLockSql(organization: string): string {
  return `pg_advisory_xact_lock_shared(${String(AUTHORITY_LOCK)}, hashint8(${organization}))`;
}

/**
 * Returns SQL that takes an organization's exclusive authority lock until the transaction ends: for changes of
 * authority.
 */
export function exclusiveAuthorityLockSql(organization: string): string {
  return `pg_advisory_xact_lock(${String(AUTHORITY_LOCK)}, hashint8(${organization}))`;
}
