import type { ApprovalPolicy } from './policy';

/** The roles of users, from least to most privileged (docs/approval-policy.md#roles). */
export const ROLES = ['user', 'manager', 'security_manager', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** The scopes of API keys (docs/authentication.md#api-keys). No scope allows deciding or creating keys. */
export const API_KEY_SCOPES = ['actions:submit', 'actions:read', 'actions:score', 'audit:read'] as const;
export type ApiKeyScope = (typeof API_KEY_SCOPES)[number];
/** The scope of an evaluation engine's key. An agent may never set the score of its own action. */
export const SCORING_SCOPE: ApiKeyScope = 'actions:score';

/** The scope that a key needs to read actions, by whatever path. */
export const READING_SCOPE: ApiKeyScope = 'actions:read';

/** A person of an organization. */
export interface User {
  readonly organizationId: number;
  readonly id: number;
  readonly name: string;
  readonly role: Role;
  /** 0 to 10; null for the role's default. */
  readonly approvalLevel: number | null;
  /** 0 to 100, inclusive; null for the organization's limit. Applies to managers only. */
  readonly maxRiskScore: number | null;
  readonly active: boolean;
  /** Incremented by every change of the row, so that a decision can name the state it was authorized under. */
  readonly version: number;
}

/** A user authenticated by a JWT, with their organization's policy at that moment. */
export interface Reviewer {
  readonly kind: 'user';
  readonly organizationId: number;
  readonly user: User;
  readonly policy: ApprovalPolicy;
}

/**
 * A program authenticated by an API key. It reads and submits but never decides
 * (docs/authentication.md#api-keys-never-decide).
 */
export interface Agent {
  readonly kind: 'api_key';
  readonly organizationId: number;
  readonly apiKeyId: number;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly ownerId: number;
  /** The user who created the key; null for an operator. */
  readonly createdById: number | null;
  readonly policy: ApprovalPolicy;
}

export type Principal = Reviewer | Agent;

/** The organization whose data a read may see. Every read takes one as its first argument, so that none can omit it. */
export interface Tenant {
  readonly organizationId: number;
}
