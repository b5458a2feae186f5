import { SYSTEM_ACTOR, type RequestOrigin } from '../../domain/audit-entry';
import { appendAuditEntry } from './audit-log.store';
import type { Database } from '../sql/database';

import { statement } from '../sql/statement';

const ORGANIZATION = statement({
  name: 'organization_to_erase_in',
  text: 'SELECT id FROM organizations WHERE id = $1',
});

/** Erases the values with their salts; otherwise addresses could be tried until a commitment matches. */
const ERASE = statement({
  name: 'erase_origins',
  text: `WITH erased AS (
      UPDATE audit_log SET ip_address = NULL, ip_salt = NULL, user_agent = NULL, user_agent_salt = NULL
      WHERE organization_id = $1 AND "timestamp" < $2 AND (ip_address IS NOT NULL OR user_agent IS NOT NULL)
      RETURNING 1
    )
    SELECT count(*) AS erased FROM erased`,
});

/**
 * Erases the origins of an organization's entries before a time, and records that in an audit entry. Proofs and
 * verification are unaffected, since an entry's canonical bytes only commit to the erased values.
 * @param owner connected as the owner of the schema, because the application's login may not change entries
 * @returns how many entries had an origin to erase
 * @throws {Error} if there is no such organization
 */
export async function eraseOrigins(
  owner: Pick<Database, 'transaction'>,
  organizationId: number,
  before: Date,
  origin: RequestOrigin,
): Promise<number> {
  return owner.transaction(async (sql) => {
    const organizations = await sql.query(ORGANIZATION, [organizationId]);
    if (organizations.length === 0) throw new Error(`There is no organization ${String(organizationId)}`);
    const [row] = await sql.query<{ erased: number }>(ERASE, [organizationId, before]);
    const entries = row?.erased ?? 0;
    const until = before.toISOString();
    await appendAuditEntry(sql, {
      organizationId,
      actionType: 'origins_erased',
      actor: SYSTEM_ACTOR,
      details: `Addresses and user agents of ${String(entries)} entries before ${until} erased`,
      origin,
      data: { before: until, entries },
    });
    return entries;
  });
}
