import { z } from 'zod';
import type { ApprovalPolicy } from '../domain/approval-policy';
import type { Reviewer, User } from '../domain/principal';
import type { Sql, Statement } from './database';
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

const quorum = z.number().int().min(1).max(10).default(1);
/** The stored policy document, version 1 of its format; what it leaves out has the contract's default. */
const policyDocument = z.object({
  approvalLevels: z.boolean(),
  managerMaxRiskScore: z.number().min(0).max(100).nullable().default(null),
  quorum: z.object({ low: quorum, medium: quorum, high: quorum, critical: quorum }).prefault({}),
} satisfies Record<Exclude<keyof ApprovalPolicy, 'version'>, z.ZodType>);

/** A policy document as it is stored. */
export type PolicyDocument = z.input<typeof policyDocument>;

/** Reads a stored policy document. @throws {z.ZodError} where it is not one */
function readPolicy(version: number, document: unknown): ApprovalPolicy {
  return { version, ...policyDocument.parse(document) };
}

type ReviewerRow = User & { policyVersion: number; policyDocument: unknown };

const REVIEWER_COLUMNS = `${USERS.select('u')}, p.version AS "policyVersion", p.document AS "policyDocument"`;
const CURRENT_POLICY = `
  JOIN organizations o ON o.id = u.organization_id
  JOIN approval_policies p ON p.organization_id = o.id AND p.version = o.policy_version`;

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
      p.version AS "policyVersion", p.document AS "policyDocument"
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
    type Row = Omit<StoredApiKey, 'policy'> & { policyVersion: number; policyDocument: unknown };
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
