import type { ApprovalPolicy } from './policy';
import type { Role } from './role';

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
