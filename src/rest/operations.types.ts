/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
/** A list matches any of its values, at most 500. A time range includes its start and excludes its end. */
export type ActionFilter = {
  readonly actionType?: ReadonlyArray<string> | null | undefined;
  readonly agentId?: ReadonlyArray<string> | null | undefined;
  /** True selects the actions that you may decide now, by the rule that decisions follow. False selects all others. */
  readonly decidableByViewer?: boolean | null | undefined;
  /** Ids of the users who decided. */
  readonly decidedBy?: ReadonlyArray<string | number> | null | undefined;
  readonly decidedFrom?: Date | null | undefined;
  readonly decidedTo?: Date | null | undefined;
  /** Inclusive. */
  readonly maxRiskScore?: number | null | undefined;
  /** Inclusive. */
  readonly minRiskScore?: number | null | undefined;
  readonly riskLevel?: ReadonlyArray<RiskLevel> | null | undefined;
  /** Text to find in the fields that describe the action. At most 200 characters, once per operation. */
  readonly search?: string | null | undefined;
  readonly status?: ReadonlyArray<ActionStatus> | null | undefined;
  readonly submittedFrom?: Date | null | undefined;
  readonly submittedTo?: Date | null | undefined;
};

/** The status of an action. Only a pending action can be decided. */
export type ActionStatus =
  | 'APPROVED'
  | 'DENIED'
  | 'EXPIRED'
  | 'PENDING_APPROVAL';

/** The kind of actor of an audit log entry. */
export type ActorKind =
  | 'API_KEY'
  | 'POLICY'
  | 'SYSTEM'
  | 'USER';

/** A list matches any of its values, at most 500. The time range includes `from` and excludes `to`. */
export type AuditLogFilter = {
  readonly actionId?: ReadonlyArray<string | number> | null | undefined;
  readonly actionType?: ReadonlyArray<string> | null | undefined;
  /** Ids of the users who acted. */
  readonly actorId?: ReadonlyArray<string | number> | null | undefined;
  readonly correlationId?: ReadonlyArray<string> | null | undefined;
  readonly from?: Date | null | undefined;
  /** Text to find in the details or the reason. At most 200 characters, once per operation. */
  readonly search?: string | null | undefined;
  readonly to?: Date | null | undefined;
};

/** BEST_EFFORT decides each action independently. ATOMIC decides all actions, or none if one is refused. */
export type BulkMode =
  | 'ATOMIC'
  | 'BEST_EFFORT';

/** The reason why a request was refused: `extensions.code` in GraphQL errors, `error_code` in REST. */
export type ErrorCode =
  | 'ACTION_NOT_FOUND'
  | 'ALREADY_VOTED'
  | 'APPROVAL_LEVEL_REQUIRED'
  | 'BULK_NOT_ALLOWED'
  | 'BULK_REFUSED'
  | 'EXPIRED_API_KEY'
  | 'EXPIRED_TOKEN'
  | 'HEADERS_TOO_LARGE'
  | 'IDEMPOTENCY_CONFLICT'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'INSUFFICIENT_PERMISSIONS'
  | 'INTERNAL_ERROR'
  | 'INVALID_API_KEY'
  | 'INVALID_JSON'
  | 'INVALID_STATE'
  | 'INVALID_TOKEN'
  | 'JWT_REQUIRED'
  | 'LAST_ADMIN'
  | 'MALFORMED_REQUEST'
  | 'METHOD_NOT_ALLOWED'
  | 'MISSING_AUTH'
  | 'NOT_ATTEMPTED'
  | 'NOT_FOUND'
  | 'PAYLOAD_TOO_LARGE'
  | 'POLICY_VERSION_CONFLICT'
  | 'RATE_LIMIT_EXCEEDED'
  | 'REASON_REQUIRED'
  | 'REQUEST_TIMEOUT'
  | 'REVOKED_API_KEY'
  | 'RISK_LIMIT_EXCEEDED'
  | 'SELF_APPROVAL_FORBIDDEN'
  | 'SERVICE_UNAVAILABLE'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'VALIDATION_ERROR';

/** The kind of a policy warning. */
export type PolicyWarningCode =
  | 'AUTO_APPROVES_BEYOND_LOW'
  | 'AUTO_APPROVES_THE_REST'
  | 'LEVEL_BELOW_LOWER_RISK'
  | 'NOBODY_CAN_DECIDE'
  | 'OWN_ACTIONS_ALLOWED'
  | 'QUORUM_UNREACHABLE'
  | 'SCORING_RULE_UNREACHABLE';

/** The risk level of a score: LOW from 0, MEDIUM from 40, HIGH from 70, CRITICAL from 85 to 100. */
export type RiskLevel =
  | 'CRITICAL'
  | 'HIGH'
  | 'LOW'
  | 'MEDIUM';

/** The source of a risk score. RULE: a scoring rule. ENGINE: an API key with the scope actions:score. DEFAULT: no rule matched, so the score is 95. */
export type RiskScoreSource =
  | 'DEFAULT'
  | 'ENGINE'
  | 'RULE';

/** The role of a user in the organization. */
export type Role =
  | 'ADMIN'
  | 'MANAGER'
  | 'SECURITY_MANAGER'
  | 'USER';

/** An action to submit. Values that are left out, null or blank count as absent. */
export type SubmitActionInput = {
  /** 1 to 200 characters. */
  readonly actionType: string;
  /** 1 to 200 characters. */
  readonly agentId: string;
  /** At most 200 characters. */
  readonly agentName?: string | null | undefined;
  /** Further information about the situation. At most 16 kB of JSON. */
  readonly context?: Record<string, unknown> | null | undefined;
  /** At most 10,000 characters. */
  readonly description?: string | null | undefined;
  /** At most 64 kB of JSON. */
  readonly parameters?: Record<string, unknown> | null | undefined;
  /** Risk indicators that the agent reports: an object of names and values, or a list of names. At most 16 kB of JSON. */
  readonly riskIndicators?: unknown;
  /** 0 to 100. Accepted only from an API key with the scope actions:score. Otherwise the scoring rules of the policy give the score. */
  readonly riskScore?: number | null | undefined;
  /** At most 2,000 characters. */
  readonly targetResource?: string | null | undefined;
  /** At most 200 characters. */
  readonly targetSystem?: string | null | undefined;
  /** At most 200 characters. */
  readonly toolName?: string | null | undefined;
};

/** A reviewer's decision on an action. */
export type Verdict =
  | 'APPROVE'
  | 'REJECT';

export type ApproveActionMutationVariables = Exact<{
  actionId: string | number;
  reason?: string | null | undefined;
  idempotencyKey?: string | null | undefined;
}>;


export type ApproveActionMutation = { readonly decision: { readonly actionId: string, readonly status: ActionStatus, readonly verdict: Verdict, readonly decidedAt: string, readonly reason: string | null, readonly correlationId: string, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedBy: { readonly id: string } } };

export type RejectActionMutationVariables = Exact<{
  actionId: string | number;
  reason?: string | null | undefined;
  idempotencyKey?: string | null | undefined;
}>;


export type RejectActionMutation = { readonly decision: { readonly actionId: string, readonly status: ActionStatus, readonly verdict: Verdict, readonly decidedAt: string, readonly reason: string | null, readonly correlationId: string, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedBy: { readonly id: string } } };

export type BulkApproveActionsMutationVariables = Exact<{
  actionIds: ReadonlyArray<string | number> | string | number;
  reason?: string | null | undefined;
  mode: BulkMode;
  idempotencyKey?: string | null | undefined;
}>;


export type BulkApproveActionsMutation = { readonly bulk: { readonly verdict: Verdict, readonly mode: BulkMode, readonly requested: number, readonly succeeded: number, readonly failed: number, readonly correlationId: string, readonly results: ReadonlyArray<{ readonly actionId: string, readonly decision: { readonly actionId: string, readonly status: ActionStatus, readonly verdict: Verdict, readonly decidedAt: string, readonly reason: string | null, readonly correlationId: string, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedBy: { readonly id: string } } | null, readonly refusal: { readonly code: ErrorCode, readonly status: number, readonly detail: string, readonly currentStatus: ActionStatus | null, readonly decidedBy: string | null, readonly decidedAt: string | null, readonly requiredLevel: number | null, readonly heldLevel: number | null, readonly riskScore: number | null, readonly riskLimit: number | null, readonly heldRole: Role | null, readonly requiredRoles: ReadonlyArray<Role> | null, readonly submittedBy: string | null, readonly riskLevel: RiskLevel | null, readonly approvalsReceived: number | null, readonly approvalsRequired: number | null } | null }> } };

export type BulkRejectActionsMutationVariables = Exact<{
  actionIds: ReadonlyArray<string | number> | string | number;
  reason?: string | null | undefined;
  mode: BulkMode;
  idempotencyKey?: string | null | undefined;
}>;


export type BulkRejectActionsMutation = { readonly bulk: { readonly verdict: Verdict, readonly mode: BulkMode, readonly requested: number, readonly succeeded: number, readonly failed: number, readonly correlationId: string, readonly results: ReadonlyArray<{ readonly actionId: string, readonly decision: { readonly actionId: string, readonly status: ActionStatus, readonly verdict: Verdict, readonly decidedAt: string, readonly reason: string | null, readonly correlationId: string, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedBy: { readonly id: string } } | null, readonly refusal: { readonly code: ErrorCode, readonly status: number, readonly detail: string, readonly currentStatus: ActionStatus | null, readonly decidedBy: string | null, readonly decidedAt: string | null, readonly requiredLevel: number | null, readonly heldLevel: number | null, readonly riskScore: number | null, readonly riskLimit: number | null, readonly heldRole: Role | null, readonly requiredRoles: ReadonlyArray<Role> | null, readonly submittedBy: string | null, readonly riskLevel: RiskLevel | null, readonly approvalsReceived: number | null, readonly approvalsRequired: number | null } | null }> } };

export type ApproveActionWithReceiptMutationVariables = Exact<{
  actionId: string | number;
  reason?: string | null | undefined;
  idempotencyKey?: string | null | undefined;
}>;


export type ApproveActionWithReceiptMutation = { readonly decision: { readonly actionId: string, readonly status: ActionStatus, readonly verdict: Verdict, readonly decidedAt: string, readonly reason: string | null, readonly correlationId: string, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedBy: { readonly id: string }, readonly receipt: { readonly auditId: string, readonly leafHash: string, readonly signature: string } | null } };

export type RejectActionWithReceiptMutationVariables = Exact<{
  actionId: string | number;
  reason?: string | null | undefined;
  idempotencyKey?: string | null | undefined;
}>;


export type RejectActionWithReceiptMutation = { readonly decision: { readonly actionId: string, readonly status: ActionStatus, readonly verdict: Verdict, readonly decidedAt: string, readonly reason: string | null, readonly correlationId: string, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedBy: { readonly id: string }, readonly receipt: { readonly auditId: string, readonly leafHash: string, readonly signature: string } | null } };

export type BulkApproveActionsWithReceiptMutationVariables = Exact<{
  actionIds: ReadonlyArray<string | number> | string | number;
  reason?: string | null | undefined;
  mode: BulkMode;
  idempotencyKey?: string | null | undefined;
}>;


export type BulkApproveActionsWithReceiptMutation = { readonly bulk: { readonly verdict: Verdict, readonly mode: BulkMode, readonly requested: number, readonly succeeded: number, readonly failed: number, readonly correlationId: string, readonly results: ReadonlyArray<{ readonly actionId: string, readonly decision: { readonly actionId: string, readonly status: ActionStatus, readonly verdict: Verdict, readonly decidedAt: string, readonly reason: string | null, readonly correlationId: string, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedBy: { readonly id: string } } | null, readonly refusal: { readonly code: ErrorCode, readonly status: number, readonly detail: string, readonly currentStatus: ActionStatus | null, readonly decidedBy: string | null, readonly decidedAt: string | null, readonly requiredLevel: number | null, readonly heldLevel: number | null, readonly riskScore: number | null, readonly riskLimit: number | null, readonly heldRole: Role | null, readonly requiredRoles: ReadonlyArray<Role> | null, readonly submittedBy: string | null, readonly riskLevel: RiskLevel | null, readonly approvalsReceived: number | null, readonly approvalsRequired: number | null } | null }>, readonly receipt: { readonly auditIds: ReadonlyArray<string>, readonly signature: string } | null } };

export type BulkRejectActionsWithReceiptMutationVariables = Exact<{
  actionIds: ReadonlyArray<string | number> | string | number;
  reason?: string | null | undefined;
  mode: BulkMode;
  idempotencyKey?: string | null | undefined;
}>;


export type BulkRejectActionsWithReceiptMutation = { readonly bulk: { readonly verdict: Verdict, readonly mode: BulkMode, readonly requested: number, readonly succeeded: number, readonly failed: number, readonly correlationId: string, readonly results: ReadonlyArray<{ readonly actionId: string, readonly decision: { readonly actionId: string, readonly status: ActionStatus, readonly verdict: Verdict, readonly decidedAt: string, readonly reason: string | null, readonly correlationId: string, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedBy: { readonly id: string } } | null, readonly refusal: { readonly code: ErrorCode, readonly status: number, readonly detail: string, readonly currentStatus: ActionStatus | null, readonly decidedBy: string | null, readonly decidedAt: string | null, readonly requiredLevel: number | null, readonly heldLevel: number | null, readonly riskScore: number | null, readonly riskLimit: number | null, readonly heldRole: Role | null, readonly requiredRoles: ReadonlyArray<Role> | null, readonly submittedBy: string | null, readonly riskLevel: RiskLevel | null, readonly approvalsReceived: number | null, readonly approvalsRequired: number | null } | null }>, readonly receipt: { readonly auditIds: ReadonlyArray<string>, readonly signature: string } | null } };

export type SubmitActionMutationVariables = Exact<{
  input: SubmitActionInput;
  idempotencyKey?: string | null | undefined;
}>;


export type SubmitActionMutation = { readonly submission: { readonly actionId: string, readonly status: ActionStatus, readonly riskScore: number, readonly riskLevel: RiskLevel, readonly riskScoreSource: RiskScoreSource, readonly policyVersion: number, readonly reason: string, readonly correlationId: string, readonly submittedAt: string, readonly expiresAt: string | null, readonly matchedRule: { readonly position: number, readonly actionType: string | null, readonly toolName: string | null, readonly targetSystem: string | null, readonly riskIndicator: string | null, readonly score: number } | null, readonly warnings: ReadonlyArray<{ readonly code: PolicyWarningCode, readonly detail: string }> } };

export type GetActionQueryVariables = Exact<{
  id: string | number;
}>;


export type GetActionQuery = { readonly action: { readonly id: string, readonly agentId: string, readonly agentName: string | null, readonly actionType: string, readonly description: string | null, readonly toolName: string | null, readonly targetSystem: string | null, readonly targetResource: string | null, readonly status: ActionStatus, readonly riskScore: number, readonly riskLevel: RiskLevel, readonly requiredApprovalLevel: number, readonly submittedAt: string, readonly updatedAt: string, readonly decidedAt: string | null, readonly reason: string | null, readonly correlationId: string | null, readonly submittedBy: { readonly id: string }, readonly decidedBy: { readonly id: string } | null } | null };

export type GetActionStatusQueryVariables = Exact<{
  id: string | number;
}>;


export type GetActionStatusQuery = { readonly action: { readonly id: string, readonly status: ActionStatus, readonly riskScore: number, readonly riskLevel: RiskLevel, readonly updatedAt: string, readonly expiresAt: string | null, readonly reason: string | null, readonly correlationId: string | null } | null };

export type GetApprovalQueryVariables = Exact<{
  id: string | number;
}>;


export type GetApprovalQuery = { readonly action: { readonly id: string, readonly status: ActionStatus, readonly decidedAt: string | null, readonly expiresAt: string | null, readonly reason: string | null, readonly decidedBy: { readonly id: string } | null } | null };

export type ListActionsQueryVariables = Exact<{
  filter: ActionFilter;
  first: number;
  offset: number;
}>;


export type ListActionsQuery = { readonly actions: { readonly edges: ReadonlyArray<{ readonly node: { readonly id: string, readonly agentId: string, readonly agentName: string | null, readonly actionType: string, readonly description: string | null, readonly toolName: string | null, readonly targetSystem: string | null, readonly targetResource: string | null, readonly status: ActionStatus, readonly riskScore: number, readonly riskLevel: RiskLevel, readonly requiredApprovalLevel: number, readonly submittedAt: string, readonly updatedAt: string, readonly decidedAt: string | null, readonly reason: string | null, readonly correlationId: string | null, readonly submittedBy: { readonly id: string }, readonly decidedBy: { readonly id: string } | null } }> } };

export type ListAuditLogsQueryVariables = Exact<{
  filter: AuditLogFilter;
  first: number;
  offset: number;
  after?: string | null | undefined;
  includeTotal: boolean;
}>;


export type ListAuditLogsQuery = { readonly auditLogs: { readonly totalCount?: number, readonly totalCountCapped?: boolean, readonly edges: ReadonlyArray<{ readonly node: { readonly id: string, readonly actionType: string, readonly actorKind: ActorKind, readonly actorId: string | null, readonly timestamp: string, readonly details: string, readonly ipAddress: string | null, readonly userAgent: string | null, readonly correlationId: string, readonly actionId: string | null, readonly reason: string | null, readonly refusalCode: ErrorCode | null, readonly clientCorrelationId: string | null } }>, readonly pageInfo: { readonly hasNextPage: boolean, readonly endCursor: string | null } } };

export type ListLegacyAuditLogQueryVariables = Exact<{
  first: number;
  offset: number;
}>;


export type ListLegacyAuditLogQuery = { readonly auditLogs: { readonly totalCount: number, readonly edges: ReadonlyArray<{ readonly node: { readonly id: string, readonly actionType: string, readonly actorKind: ActorKind, readonly actorId: string | null, readonly actionId: string | null, readonly timestamp: string, readonly details: string, readonly verdict: Verdict | null, readonly refusalCode: ErrorCode | null } }> } };

export type DecisionFragment = { readonly actionId: string, readonly status: ActionStatus, readonly verdict: Verdict, readonly decidedAt: string, readonly reason: string | null, readonly correlationId: string, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedBy: { readonly id: string } };

export type ReceiptFragment = { readonly receipt: { readonly auditId: string, readonly leafHash: string, readonly signature: string } | null };

export type BulkFragment = { readonly verdict: Verdict, readonly mode: BulkMode, readonly requested: number, readonly succeeded: number, readonly failed: number, readonly correlationId: string, readonly results: ReadonlyArray<{ readonly actionId: string, readonly decision: { readonly actionId: string, readonly status: ActionStatus, readonly verdict: Verdict, readonly decidedAt: string, readonly reason: string | null, readonly correlationId: string, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedBy: { readonly id: string } } | null, readonly refusal: { readonly code: ErrorCode, readonly status: number, readonly detail: string, readonly currentStatus: ActionStatus | null, readonly decidedBy: string | null, readonly decidedAt: string | null, readonly requiredLevel: number | null, readonly heldLevel: number | null, readonly riskScore: number | null, readonly riskLimit: number | null, readonly heldRole: Role | null, readonly requiredRoles: ReadonlyArray<Role> | null, readonly submittedBy: string | null, readonly riskLevel: RiskLevel | null, readonly approvalsReceived: number | null, readonly approvalsRequired: number | null } | null }> };

export type BulkReceiptFragment = { readonly receipt: { readonly auditIds: ReadonlyArray<string>, readonly signature: string } | null };

export type ActionDetailsFragment = { readonly id: string, readonly agentId: string, readonly agentName: string | null, readonly actionType: string, readonly description: string | null, readonly toolName: string | null, readonly targetSystem: string | null, readonly targetResource: string | null, readonly status: ActionStatus, readonly riskScore: number, readonly riskLevel: RiskLevel, readonly requiredApprovalLevel: number, readonly submittedAt: string, readonly updatedAt: string, readonly decidedAt: string | null, readonly reason: string | null, readonly correlationId: string | null, readonly submittedBy: { readonly id: string }, readonly decidedBy: { readonly id: string } | null };
