import type { Tenant } from '../domain/principal';
import type { Sql, Statement } from './database';

/** How exact `last_used_at` is, and how often at most it is written for a key, in milliseconds. */
const PRECISION = 60_000;

/**
 * $1 organization, $2 ids, $3 times. Another process may have written less than a minute ago; and who holds a row, such
 * as somebody who revokes it, is not waited for.
 */
const NOTE_USES: Statement = {
  name: 'note_api_key_uses',
  share: 'system',
  text: `WITH used AS (
      SELECT k.id, u.at FROM unnest($2::bigint[], $3::timestamptz[]) AS u(id, at)
      JOIN api_keys k ON k.organization_id = $1 AND k.id = u.id
      WHERE k.last_used_at IS NULL OR k.last_used_at <= u.at - interval '1 minute'
      ORDER BY k.id FOR NO KEY UPDATE OF k SKIP LOCKED
    )
    UPDATE api_keys k SET last_used_at = used.at FROM used WHERE k.organization_id = $1 AND k.id = used.id`,
};

interface Use {
  readonly organizationId: number;
  readonly at: Date;
  isWritten: boolean;
}

/** When API keys were last used: noted in memory by each request, and written down beside them. No request waits for it. */
export class ApiKeyUses {
  /** By the key's id, its first use within a minute. */
  private readonly uses = new Map<number, Use>();

  constructor(private readonly sql: Sql) {}

  /** Notes that a key was used. Costs no statement. */
  note({ organizationId }: Tenant, apiKeyId: number, at: Date): void {
    const known = this.uses.get(apiKeyId);
    if (known !== undefined && at.getTime() - known.at.getTime() < PRECISION) return;
    this.uses.set(apiKeyId, { organizationId, at, isWritten: false });
  }

  /** Writes down what was noted, one statement for each organization; none where no key was used since. */
  async write(): Promise<void> {
    const due = new Map<number, [number, Use][]>();
    for (const [id, use] of this.uses)
      if (!use.isWritten) due.set(use.organizationId, [...(due.get(use.organizationId) ?? []), [id, use]]);
    for (const [organizationId, uses] of due) {
      const [ids, times] = [uses.map(([id]) => id), uses.map(([, { at }]) => at)];
      await this.sql.query(NOTE_USES, [organizationId, ids, times]);
      for (const [, use] of uses) use.isWritten = true;
    }
  }

  /** Forgets what is too old to keep another use from being noted. */
  forget(now: Date): void {
    for (const [id, { at, isWritten }] of this.uses)
      if (isWritten && now.getTime() - at.getTime() >= PRECISION) this.uses.delete(id);
  }
}
