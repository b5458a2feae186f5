/** Sets the gates' locks apart from any other advisory lock of the database. */
const GATE = 20_260_120;

/**
 * SQL that enters an organization's gate together with others, until the transaction ends: what decisions do. Row locks
 * alone would let a stream of them pass a waiting change for ever, since PostgreSQL grants a shared row lock beside
 * another; this lock is granted in the order in which it was asked for.
 */
export function sharedGateSql(organization: string): string {
  return `pg_advisory_xact_lock_shared(${String(GATE)}, hashint8(${organization}))`;
}

/** SQL that closes an organization's gate behind oneself, until the transaction ends: what changes of authority do. */
export function closedGateSql(organization: string): string {
  return `pg_advisory_xact_lock(${String(GATE)}, hashint8(${organization}))`;
}
