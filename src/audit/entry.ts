/** An entry with the members of its canonical bytes (docs/audit-format.md). */
export interface Entry {
  readonly audit_id: number;
  readonly organization_id: number;
  readonly action_type: string;
  readonly timestamp: string;
  readonly actor_kind: 'user' | 'api_key' | 'policy' | 'system';
  readonly actor_id: number | null;
  readonly on_behalf_of: number | null;
  readonly action_id: number | null;
  readonly verdict: string | null;
  readonly reason: string | null;
  readonly risk_score: number | null;
  readonly required_level: number | null;
  readonly held_level: number | null;
  readonly policy_version: number | null;
  readonly approvals_received: number | null;
  readonly approvals_required: number | null;
  readonly correlation_id: string;
  readonly data: Readonly<Record<string, unknown>> | null;
}

/** The keys of an entry, in the order of its canonical bytes. */
const KEYS =
  'v audit_id organization_id action_type timestamp actor_kind actor_id on_behalf_of action_id verdict reason refusal_code risk_score required_level held_level policy_version approvals_received approvals_required details correlation_id client_correlation_id ip_commitment user_agent_commitment data';

/** Parses an entry's canonical bytes; null if they differ in any way from what the gateway writes. */
export function parseEntry(canonical: string): Entry | null {
  try {
    const entry: unknown = JSON.parse(canonical);
    const isEntry = typeof entry === 'object' && entry !== null && Object.keys(entry).join(' ') === KEYS;
    return isEntry && JSON.stringify(entry) === canonical && (entry as { v: unknown }).v === 1
      ? (entry as Entry & object)
      : null;
  } catch {
    return null;
  }
}
