import type { ApprovalPolicy } from './policy';

/** What a person may do, from least to most (docs/approval-policy.md#roles). */
export const ROLES = ['user', 'manager', 'security_manager', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** What an API key may be allowed to do (docs/authentication.md#api-keys). No scope decides, and none makes keys. */
export const API_KEY_SCOPES = ['actions:submit', 'actions:read', 'actions:score', 'audit:read'] as const;
export type ApiKeyScope = (typeof API_KEY_SCOPES)[number];
/** What the key of an evaluation engine has: the score of an action is never its agent's to set. */
export const SCORING_SCOPE: ApiKeyScope = 'actions:score';

/** What a key needs to read actions, however it comes to them. */
export const READING_SCOPE: ApiKeyScope = 'actions:read';

/** A person of an organization. */
export interface User {
  readonly organizationId: number;
  readonly id: number;
  readonly name: string;
  readonly role: Role;
  /** 0 to 10; null means the role's default. */
  readonly approvalLevel: number | null;
  /** 0 to 100, inclusive; null means the organization's limit. Only managers are bound by it. */
  readonly maxRiskScore: number | null;
  readonly active: boolean;
  /** Grows with every change of the row, so that a decision can name the state it was authorized under. */
  readonly version: number;
}

/** A person who proved who they are with a JWT, with the policy of their organization at that moment. */
export interface Reviewer {
  readonly kind: 'user';
  readonly organizationId: number;
  readonly user: User;
  readonly policy: ApprovalPolicy;
}

/** A program that came with an API key. It reads and submits; it never decides (docs/authentication.md#api-keys-never-decide). */
export interface Agent {
  readonly kind: 'api_key';
  readonly organizationId: number;
  readonly apiKeyId: number;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly ownerId: number;
  /** Who made the key; null for an operator. */
  readonly createdById: number | null;
  readonly policy: ApprovalPolicy;
}

export type Principal = Reviewer | Agent;

/** Whose view a read is: every read takes one first, so that none can be written without an organization. */
export interface Tenant {
  readonly organizationId: number;
}
