import type { ApprovalPolicy } from '../../domain/policy';
import type { Reviewer, User } from '../../domain/principal';
import type { Sql } from '../sql/sql';
import { Batcher } from '../sql/batcher';
import { CURRENT_POLICY, currentPolicy, POLICY_COLUMNS, type PolicyColumns } from '../policy/stored-policy';
import { USERS } from './user.table';
import { statement } from '../sql/statement';

/** A stored API key: its hash, never the key. */
export interface StoredApiKey {
  readonly organizationId: number;
  readonly id: number;
  readonly name: string;
  readonly keyHash: Buffer;
  readonly scopes: readonly string[];
  readonly ownerId: number;
  readonly createdById: number | null;
  readonly ownerActive: boolean;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly policy: ApprovalPolicy;
}

type ReviewerRow = User & PolicyColumns;

/** The claims of a token that identify a person. */
interface Identity {
  readonly issuer: string;
  readonly subject: string;
}

const REVIEWER_COLUMNS = `${USERS.select('u')}, ${POLICY_COLUMNS}`;

const REVIEWERS_BY_IDENTITY = statement({
  name: 'reviewer_by_identity',
  share: 'authentication',
  text: `SELECT i.issuer, i.subject, ${REVIEWER_COLUMNS} FROM user_identities i
    JOIN users u ON u.organization_id = i.organization_id AND u.id = i.user_id ${CURRENT_POLICY}
    WHERE (i.issuer, i.subject) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
});

const REVIEWER_BY_ID = statement({
  name: 'reviewer_by_id',
  text: `SELECT ${REVIEWER_COLUMNS} FROM users u ${CURRENT_POLICY}
    WHERE u.organization_id = $1 AND u.id = $2 AND p.organization_id = $1`,
});

/** Maximum number of callers per statement. */
const MAX_TOGETHER = 64;

const API_KEYS_BY_PREFIX = statement({
  name: 'api_keys_by_prefix',
  share: 'authentication',
  text: `SELECT k.organization_id AS "organizationId", k.id, k.prefix, k.name, k.key_hash AS "keyHash", k.scopes,
      k.owner_id AS "ownerId", k.created_by AS "createdById", u.active AS "ownerActive", k.expires_at AS "expiresAt", k.revoked_at AS "revokedAt",
      ${POLICY_COLUMNS}
    FROM api_keys k JOIN users u ON u.organization_id = k.organization_id AND u.id = k.owner_id ${CURRENT_POLICY}
    WHERE k.prefix = ANY($1::text[])`,
});

/** Reads the people and programs that a credential names. No tenant argument: the organization is not known yet. */
export class PrincipalReads {
  private readonly people: Batcher<Identity, Reviewer | null>;
  private readonly keys: Batcher<string, readonly StoredApiKey[]>;

  constructor(private readonly sql: Sql) {
    this.people = new Batcher((identities) => this.reviewersByIdentity(identities), {
      maxSize: MAX_TOGETHER,
    });
    this.keys = new Batcher<string, readonly StoredApiKey[]>((prefixes) => this.apiKeysByPrefixes(prefixes), {
      maxSize: MAX_TOGETHER,
    });
  }

  /**
   * Returns the reviewer of a token's issuer and subject, with the policy in force, or null. Calls share statements.
   */
  async reviewerByIdentity(issuer: string, subject: string): Promise<Reviewer | null> {
    return this.people.submit({ issuer, subject });
  }

  /** Returns a user of an organization, with the policy in force, or null. One statement. */
  async reviewerById(organizationId: number, userId: number): Promise<Reviewer | null> {
    const [row] = await this.sql.query<ReviewerRow>(REVIEWER_BY_ID, [organizationId, userId]);
    return toReviewer(row);
  }

  /** Returns the same reviewer as they are now, with the policy in force now, or null. One statement. */
  reviewerNow(reviewer: Reviewer): Promise<Reviewer | null> {
    return this.reviewerById(reviewer.organizationId, reviewer.user.id);
  }

  /** Returns the keys with a prefix; the caller compares the hash. One statement, shared by concurrent callers. */
  async apiKeysByPrefix(prefix: string): Promise<readonly StoredApiKey[]> {
    return this.keys.submit(prefix);
  }

  private async reviewersByIdentity(identities: readonly Identity[]): Promise<(Reviewer | null)[]> {
    const distinct = [...new Map(identities.map((identity) => [keyOf(identity), identity])).values()];
    const rows = await this.sql.query<Identity & ReviewerRow>(REVIEWERS_BY_IDENTITY, [
      distinct.map(({ issuer }) => issuer),
      distinct.map(({ subject }) => subject),
    ]);
    const found = new Map(rows.map((row) => [keyOf(row), row]));
    return identities.map((identity) => toReviewer(found.get(keyOf(identity))));
  }

  private async apiKeysByPrefixes(prefixes: readonly string[]): Promise<StoredApiKey[][]> {
    type Row = Omit<StoredApiKey, 'policy'> & PolicyColumns & { readonly prefix: string };
    const rows = await this.sql.query<Row>(API_KEYS_BY_PREFIX, [[...new Set(prefixes)]]);
    return prefixes.map((asked) =>
      rows.filter(({ prefix }) => prefix === asked).map((row) => ({ ...row, policy: currentPolicy(row) })),
    );
  }
}

/** NUL separates the parts safely: PostgreSQL cannot store it, and token verification rejects it. */
function keyOf({ issuer, subject }: Identity): string {
  return `${issuer}\0${subject}`;
}

function toReviewer(row: ReviewerRow | undefined): Reviewer | null {
  if (row === undefined) return null;
  const { organizationId, id, name, role, approvalLevel, maxRiskScore, active, version } = row;
  return {
    kind: 'user',
    organizationId,
    user: { organizationId, id, name, role, approvalLevel, maxRiskScore, active, version },
    policy: currentPolicy(row),
  };
}
