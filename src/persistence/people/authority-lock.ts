/** First key of the authority locks, which separates them from other advisory locks of the database. */
const AUTHORITY_LOCK = 20_260_120;

/**
 * Returns SQL that takes an organization's shared authority lock until the transaction ends, as decisions do. Row locks
 * alone could starve a waiting change of authority, since PostgreSQL grants a shared row lock beside another. This lock
 * is granted in the order of the requests. A statement takes it for the organization's row, so that the lock is on the
 * node of that row where organizations are distributed.
 */
export function sharedAuthorityLockSql(organization: string): string {
  return lockSql('pg_advisory_xact_lock_shared', organization);
}

/**
 * Returns SQL that takes an organization's exclusive authority lock until the transaction ends: for changes of
 * authority.
 */
export function exclusiveAuthorityLockSql(organization: string): string {
  return lockSql('pg_advisory_xact_lock', organization);
}

/** A distributed PostgreSQL cannot pass on the result's own type, void. */
function lockSql(lock: string, organization: string): string {
  return `${lock}(${String(AUTHORITY_LOCK)}, hashint8(${organization}))::text`;
}
