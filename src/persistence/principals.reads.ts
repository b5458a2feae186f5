import type { ApprovalPolicy } from '../domain/policy';
import type { Reviewer, User } from '../domain/principal';
import type { Sql, Statement } from './database';
import { CURRENT_POLICY, POLICY_COLUMNS, readPolicy, type PolicyColumns } from './stored-policy';
import { USERS } from './tables/user.table';

/** An API key as it is stored: never the key, only its hash. */
export interface StoredApiKey {
  readonly organizationId: number;
  readonly id: number;
  readonly name: string;
  readonly keyHash: Buffer;
  readonly scopes: readonly string[];
  readonly ownerId: number;
  readonly ownerActive: boolean;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly policy: ApprovalPolicy;
}

type ReviewerRow = User & PolicyColumns;

const REVIEWER_COLUMNS = `${USERS.select('u')}, ${POLICY_COLUMNS}`;

const REVIEWER_BY_IDENTITY: Statement = {
  name: 'reviewer_by_identity',
  text: `SELECT ${REVIEWER_COLUMNS} FROM user_identities i
    JOIN users u ON u.organization_id = i.organization_id AND u.id = i.user_id ${CURRENT_POLICY}
    WHERE i.issuer = $1 AND i.subject = $2`,
};

const REVIEWER_BY_ID: Statement = {
  name: 'reviewer_by_id',
  text: `SELECT ${REVIEWER_COLUMNS} FROM users u ${CURRENT_POLICY} WHERE u.organization_id = $1 AND u.id = $2`,
};

const API_KEYS_BY_PREFIX: Statement = {
  name: 'api_keys_by_prefix',
  text: `SELECT k.organization_id AS "organizationId", k.id, k.name, k.key_hash AS "keyHash", k.scopes,
      k.owner_id AS "ownerId", u.active AS "ownerActive", k.expires_at AS "expiresAt", k.revoked_at AS "revokedAt",
      ${POLICY_COLUMNS}
    FROM api_keys k JOIN users u ON u.organization_id = k.organization_id AND u.id = k.owner_id ${CURRENT_POLICY}
    WHERE k.prefix = $1`,
};

/** The people and programs that a credential can name. Read before any organization is known, so without a tenant. */
export class PrincipalReads {
  constructor(private readonly sql: Sql) {}

  /** The person behind a token's issuer and subject, with the policy in force, or null. One statement. */
  async reviewerByIdentity(issuer: string, subject: string): Promise<Reviewer | null> {
    return toReviewer(await this.sql.query<ReviewerRow>(REVIEWER_BY_IDENTITY, [issuer, subject]));
  }

  /** The same person as they are now, with the policy in force now, or null. One statement. */
  async reviewerNow(reviewer: Reviewer): Promise<Reviewer | null> {
    const rows = await this.sql.query<ReviewerRow>(REVIEWER_BY_ID, [
      reviewer.organizationId,
      reviewer.user.id,
    ]);
    return toReviewer(rows);
  }

  /** The keys that begin alike; whoever asks compares the hash. One statement. */
  async apiKeysByPrefix(prefix: string): Promise<readonly StoredApiKey[]> {
    type Row = Omit<StoredApiKey, 'policy'> & PolicyColumns;
    const rows = await this.sql.query<Row>(API_KEYS_BY_PREFIX, [prefix]);
    return rows.map((row) => ({ ...row, policy: readPolicy(row.policyVersion, row.policyDocument) }));
  }
}

function toReviewer([row]: readonly ReviewerRow[]): Reviewer | null {
  if (row === undefined) return null;
  const { policyVersion, policyDocument, ...user } = row;
  return {
    kind: 'user',
    organizationId: user.organizationId,
    user,
    policy: readPolicy(policyVersion, policyDocument),
  };
}
