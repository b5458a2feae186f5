import type { Tenant } from '../../domain/principal';
import type { Sql } from '../sql/sql';
import { statement } from '../sql/statement';

/** Precision of `last_used_at`, and minimum time between two writes for a key, in milliseconds. */
const PRECISION = 60_000;

/**
 * $1 organization, $2 ids, $3 times. Skips keys that another process wrote less than a minute ago, and locked rows,
 * such as those of a revocation.
 */
const NOTE_USES = statement({
  name: 'note_api_key_uses',
  share: 'system',
  text: `WITH used AS (
      SELECT k.id, u.at FROM unnest($2::bigint[], $3::timestamptz[]) AS u(id, at)
      JOIN api_keys k ON k.organization_id = $1 AND k.id = u.id
      WHERE k.last_used_at IS NULL OR k.last_used_at <= u.at - interval '1 minute'
      ORDER BY k.id FOR NO KEY UPDATE OF k SKIP LOCKED
    )
    UPDATE api_keys k SET last_used_at = used.at FROM used WHERE k.organization_id = $1 AND k.id = used.id`,
});

interface Use {
  readonly organizationId: number;
  readonly at: Date;
  isWritten: boolean;
}

/** Records when API keys were last used. Requests note it in memory; a separate write stores it, so none waits. */
export class ApiKeyUses {
  /** First use within a minute, by key id. */
  private readonly uses = new Map<number, Use>();

  constructor(private readonly sql: Sql) {}

  /** Notes that a key was used. Runs no statement. */
  note({ organizationId }: Tenant, apiKeyId: number, at: Date): void {
    const known = this.uses.get(apiKeyId);
    if (known !== undefined && at.getTime() - known.at.getTime() < PRECISION) return;
    this.uses.set(apiKeyId, { organizationId, at, isWritten: false });
  }

  /** Writes the noted uses: one statement per organization, none where no key was used since. */
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

  /** Drops entries that are too old to suppress another one. */
  forget(now: Date): void {
    for (const [id, { at, isWritten }] of this.uses)
      if (isWritten && now.getTime() - at.getTime() >= PRECISION) this.uses.delete(id);
  }
}
