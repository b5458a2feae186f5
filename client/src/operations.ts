/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import { operation, type Operation } from './operation.ts';
/** A list matches any of its values, at most 500. A time range includes its start and excludes its end. */
export type ActionFilter = {
  readonly actionType?: ReadonlyArray<string> | null | undefined;
  readonly agentId?: ReadonlyArray<string> | null | undefined;
  /** True selects the actions that you may decide now, by the rule that decisions follow. False selects all others. */
  readonly decidableByViewer?: boolean | null | undefined;
  /** Ids of the users who decided. */
  readonly decidedBy?: ReadonlyArray<string | number> | null | undefined;
  readonly decidedFrom?: string | null | undefined;
  readonly decidedTo?: string | null | undefined;
  /** Inclusive. */
  readonly maxRiskScore?: number | null | undefined;
  /** Inclusive. */
  readonly minRiskScore?: number | null | undefined;
  readonly riskLevel?: ReadonlyArray<RiskLevel> | null | undefined;
  /** Text to find in the fields that describe the action. At most 200 characters, once per operation. */
  readonly search?: string | null | undefined;
  readonly status?: ReadonlyArray<ActionStatus> | null | undefined;
  readonly submittedFrom?: string | null | undefined;
  readonly submittedTo?: string | null | undefined;
};

export type ActionOrder = {
  readonly direction?: SortDirection;
  readonly field: ActionOrderField;
};

export type ActionOrderField =
  | 'RISK_SCORE'
  | 'SUBMITTED_AT';

/** The status of an action. Only a pending action can be decided. */
export type ActionStatus =
  | 'APPROVED'
  | 'DENIED'
  | 'EXPIRED'
  | 'PENDING_APPROVAL';

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

export type SortDirection =
  | 'ASC'
  | 'DESC';

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


export type ApproveActionMutation = { readonly decision: { readonly actionId: number, readonly status: ActionStatus, readonly verdict: Verdict, readonly decidedAt: string, readonly reason: string | null, readonly correlationId: string, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedBy: { readonly id: number, readonly name: string } } };

export type RejectActionMutationVariables = Exact<{
  actionId: string | number;
  reason?: string | null | undefined;
  idempotencyKey?: string | null | undefined;
}>;


export type RejectActionMutation = { readonly decision: { readonly actionId: number, readonly status: ActionStatus, readonly verdict: Verdict, readonly decidedAt: string, readonly reason: string | null, readonly correlationId: string, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedBy: { readonly id: number, readonly name: string } } };

export type BulkApproveActionsMutationVariables = Exact<{
  actionIds: ReadonlyArray<string | number> | string | number;
  reason?: string | null | undefined;
  mode: BulkMode;
  idempotencyKey?: string | null | undefined;
}>;


export type BulkApproveActionsMutation = { readonly bulk: { readonly verdict: Verdict, readonly mode: BulkMode, readonly requested: number, readonly succeeded: number, readonly failed: number, readonly correlationId: string, readonly results: ReadonlyArray<{ readonly actionId: number, readonly decision: { readonly actionId: number, readonly status: ActionStatus, readonly verdict: Verdict, readonly decidedAt: string, readonly reason: string | null, readonly correlationId: string, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedBy: { readonly id: number, readonly name: string } } | null, readonly refusal: { readonly code: ErrorCode, readonly status: number, readonly detail: string, readonly currentStatus: ActionStatus | null, readonly decidedBy: number | null, readonly decidedAt: string | null, readonly requiredLevel: number | null, readonly heldLevel: number | null, readonly riskScore: number | null, readonly riskLimit: number | null, readonly heldRole: Role | null, readonly requiredRoles: ReadonlyArray<Role> | null, readonly submittedBy: number | null, readonly riskLevel: RiskLevel | null, readonly approvalsReceived: number | null, readonly approvalsRequired: number | null } | null }> } };

export type BulkRejectActionsMutationVariables = Exact<{
  actionIds: ReadonlyArray<string | number> | string | number;
  reason?: string | null | undefined;
  mode: BulkMode;
  idempotencyKey?: string | null | undefined;
}>;


export type BulkRejectActionsMutation = { readonly bulk: { readonly verdict: Verdict, readonly mode: BulkMode, readonly requested: number, readonly succeeded: number, readonly failed: number, readonly correlationId: string, readonly results: ReadonlyArray<{ readonly actionId: number, readonly decision: { readonly actionId: number, readonly status: ActionStatus, readonly verdict: Verdict, readonly decidedAt: string, readonly reason: string | null, readonly correlationId: string, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedBy: { readonly id: number, readonly name: string } } | null, readonly refusal: { readonly code: ErrorCode, readonly status: number, readonly detail: string, readonly currentStatus: ActionStatus | null, readonly decidedBy: number | null, readonly decidedAt: string | null, readonly requiredLevel: number | null, readonly heldLevel: number | null, readonly riskScore: number | null, readonly riskLimit: number | null, readonly heldRole: Role | null, readonly requiredRoles: ReadonlyArray<Role> | null, readonly submittedBy: number | null, readonly riskLevel: RiskLevel | null, readonly approvalsReceived: number | null, readonly approvalsRequired: number | null } | null }> } };

export type ApproveActionWithReceiptMutationVariables = Exact<{
  actionId: string | number;
  reason?: string | null | undefined;
  idempotencyKey?: string | null | undefined;
}>;


export type ApproveActionWithReceiptMutation = { readonly decision: { readonly actionId: number, readonly status: ActionStatus, readonly verdict: Verdict, readonly decidedAt: string, readonly reason: string | null, readonly correlationId: string, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedBy: { readonly id: number, readonly name: string }, readonly receipt: { readonly auditId: number, readonly leafHash: string, readonly signature: string } | null } };

export type RejectActionWithReceiptMutationVariables = Exact<{
  actionId: string | number;
  reason?: string | null | undefined;
  idempotencyKey?: string | null | undefined;
}>;


export type RejectActionWithReceiptMutation = { readonly decision: { readonly actionId: number, readonly status: ActionStatus, readonly verdict: Verdict, readonly decidedAt: string, readonly reason: string | null, readonly correlationId: string, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedBy: { readonly id: number, readonly name: string }, readonly receipt: { readonly auditId: number, readonly leafHash: string, readonly signature: string } | null } };

export type BulkApproveActionsWithReceiptMutationVariables = Exact<{
  actionIds: ReadonlyArray<string | number> | string | number;
  reason?: string | null | undefined;
  mode: BulkMode;
  idempotencyKey?: string | null | undefined;
}>;


export type BulkApproveActionsWithReceiptMutation = { readonly bulk: { readonly verdict: Verdict, readonly mode: BulkMode, readonly requested: number, readonly succeeded: number, readonly failed: number, readonly correlationId: string, readonly results: ReadonlyArray<{ readonly actionId: number, readonly decision: { readonly actionId: number, readonly status: ActionStatus, readonly verdict: Verdict, readonly decidedAt: string, readonly reason: string | null, readonly correlationId: string, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedBy: { readonly id: number, readonly name: string } } | null, readonly refusal: { readonly code: ErrorCode, readonly status: number, readonly detail: string, readonly currentStatus: ActionStatus | null, readonly decidedBy: number | null, readonly decidedAt: string | null, readonly requiredLevel: number | null, readonly heldLevel: number | null, readonly riskScore: number | null, readonly riskLimit: number | null, readonly heldRole: Role | null, readonly requiredRoles: ReadonlyArray<Role> | null, readonly submittedBy: number | null, readonly riskLevel: RiskLevel | null, readonly approvalsReceived: number | null, readonly approvalsRequired: number | null } | null }>, readonly receipt: { readonly auditIds: ReadonlyArray<number>, readonly signature: string } | null } };

export type BulkRejectActionsWithReceiptMutationVariables = Exact<{
  actionIds: ReadonlyArray<string | number> | string | number;
  reason?: string | null | undefined;
  mode: BulkMode;
  idempotencyKey?: string | null | undefined;
}>;


export type BulkRejectActionsWithReceiptMutation = { readonly bulk: { readonly verdict: Verdict, readonly mode: BulkMode, readonly requested: number, readonly succeeded: number, readonly failed: number, readonly correlationId: string, readonly results: ReadonlyArray<{ readonly actionId: number, readonly decision: { readonly actionId: number, readonly status: ActionStatus, readonly verdict: Verdict, readonly decidedAt: string, readonly reason: string | null, readonly correlationId: string, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedBy: { readonly id: number, readonly name: string } } | null, readonly refusal: { readonly code: ErrorCode, readonly status: number, readonly detail: string, readonly currentStatus: ActionStatus | null, readonly decidedBy: number | null, readonly decidedAt: string | null, readonly requiredLevel: number | null, readonly heldLevel: number | null, readonly riskScore: number | null, readonly riskLimit: number | null, readonly heldRole: Role | null, readonly requiredRoles: ReadonlyArray<Role> | null, readonly submittedBy: number | null, readonly riskLevel: RiskLevel | null, readonly approvalsReceived: number | null, readonly approvalsRequired: number | null } | null }>, readonly receipt: { readonly auditIds: ReadonlyArray<number>, readonly signature: string } | null } };

export type SubmitActionMutationVariables = Exact<{
  input: SubmitActionInput;
  idempotencyKey?: string | null | undefined;
}>;


export type SubmitActionMutation = { readonly submission: { readonly actionId: number, readonly status: ActionStatus, readonly riskScore: number, readonly riskLevel: RiskLevel, readonly riskScoreSource: RiskScoreSource, readonly reason: string, readonly policyVersion: number, readonly correlationId: string, readonly submittedAt: string, readonly expiresAt: string | null } };

export type GetActionQueryVariables = Exact<{
  id: string | number;
}>;


export type GetActionQuery = { readonly action: { readonly id: number, readonly agentId: string, readonly agentName: string | null, readonly actionType: string, readonly description: string | null, readonly toolName: string | null, readonly targetSystem: string | null, readonly targetResource: string | null, readonly parameters: Record<string, unknown>, readonly status: ActionStatus, readonly riskScore: number, readonly riskLevel: RiskLevel, readonly requiredApprovalLevel: number, readonly submittedAt: string, readonly updatedAt: string, readonly expiresAt: string | null, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedAt: string | null, readonly reason: string | null, readonly correlationId: string | null, readonly submittedBy: { readonly id: number, readonly name: string }, readonly decidedBy: { readonly id: number, readonly name: string } | null } | null };

export type ListActionsQueryVariables = Exact<{
  filter?: ActionFilter | null | undefined;
  orderBy?: ActionOrder | null | undefined;
  first?: number | null | undefined;
  after?: string | null | undefined;
}>;


export type ListActionsQuery = { readonly actions: { readonly edges: ReadonlyArray<{ readonly node: { readonly id: number, readonly agentId: string, readonly agentName: string | null, readonly actionType: string, readonly description: string | null, readonly toolName: string | null, readonly targetSystem: string | null, readonly targetResource: string | null, readonly parameters: Record<string, unknown>, readonly status: ActionStatus, readonly riskScore: number, readonly riskLevel: RiskLevel, readonly requiredApprovalLevel: number, readonly submittedAt: string, readonly updatedAt: string, readonly expiresAt: string | null, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedAt: string | null, readonly reason: string | null, readonly correlationId: string | null, readonly submittedBy: { readonly id: number, readonly name: string }, readonly decidedBy: { readonly id: number, readonly name: string } | null } }>, readonly pageInfo: { readonly hasNextPage: boolean, readonly endCursor: string | null } } };

export type DecisionFragment = { readonly actionId: number, readonly status: ActionStatus, readonly verdict: Verdict, readonly decidedAt: string, readonly reason: string | null, readonly correlationId: string, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedBy: { readonly id: number, readonly name: string } };

export type ReceiptFragment = { readonly receipt: { readonly auditId: number, readonly leafHash: string, readonly signature: string } | null };

export type BulkFragment = { readonly verdict: Verdict, readonly mode: BulkMode, readonly requested: number, readonly succeeded: number, readonly failed: number, readonly correlationId: string, readonly results: ReadonlyArray<{ readonly actionId: number, readonly decision: { readonly actionId: number, readonly status: ActionStatus, readonly verdict: Verdict, readonly decidedAt: string, readonly reason: string | null, readonly correlationId: string, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedBy: { readonly id: number, readonly name: string } } | null, readonly refusal: { readonly code: ErrorCode, readonly status: number, readonly detail: string, readonly currentStatus: ActionStatus | null, readonly decidedBy: number | null, readonly decidedAt: string | null, readonly requiredLevel: number | null, readonly heldLevel: number | null, readonly riskScore: number | null, readonly riskLimit: number | null, readonly heldRole: Role | null, readonly requiredRoles: ReadonlyArray<Role> | null, readonly submittedBy: number | null, readonly riskLevel: RiskLevel | null, readonly approvalsReceived: number | null, readonly approvalsRequired: number | null } | null }> };

export type BulkReceiptFragment = { readonly receipt: { readonly auditIds: ReadonlyArray<number>, readonly signature: string } | null };

export type FactsFragment = { readonly currentStatus: ActionStatus | null, readonly decidedBy: number | null, readonly decidedAt: string | null, readonly requiredLevel: number | null, readonly heldLevel: number | null, readonly riskScore: number | null, readonly riskLimit: number | null, readonly heldRole: Role | null, readonly requiredRoles: ReadonlyArray<Role> | null, readonly submittedBy: number | null, readonly riskLevel: RiskLevel | null, readonly approvalsReceived: number | null, readonly approvalsRequired: number | null };

export type ActionDetailsFragment = { readonly id: number, readonly agentId: string, readonly agentName: string | null, readonly actionType: string, readonly description: string | null, readonly toolName: string | null, readonly targetSystem: string | null, readonly targetResource: string | null, readonly parameters: Record<string, unknown>, readonly status: ActionStatus, readonly riskScore: number, readonly riskLevel: RiskLevel, readonly requiredApprovalLevel: number, readonly submittedAt: string, readonly updatedAt: string, readonly expiresAt: string | null, readonly approvalsReceived: number, readonly approvalsRequired: number, readonly decidedAt: string | null, readonly reason: string | null, readonly correlationId: string | null, readonly submittedBy: { readonly id: number, readonly name: string }, readonly decidedBy: { readonly id: number, readonly name: string } | null };

export const ApproveAction: Operation<ApproveActionMutation, ApproveActionMutationVariables> = operation(`mutation ApproveAction($actionId: ID!, $reason: String, $idempotencyKey: String) {
  decision: approveAction(
    actionId: $actionId
    reason: $reason
    idempotencyKey: $idempotencyKey
  ) {
    ...Decision
  }
}

fragment Decision on ActionDecision {
  actionId
  status
  verdict
  decidedBy {
    id
    name
  }
  decidedAt
  reason
  correlationId
  approvalsReceived
  approvalsRequired
}`);

export const RejectAction: Operation<RejectActionMutation, RejectActionMutationVariables> = operation(`mutation RejectAction($actionId: ID!, $reason: String, $idempotencyKey: String) {
  decision: rejectAction(
    actionId: $actionId
    reason: $reason
    idempotencyKey: $idempotencyKey
  ) {
    ...Decision
  }
}

fragment Decision on ActionDecision {
  actionId
  status
  verdict
  decidedBy {
    id
    name
  }
  decidedAt
  reason
  correlationId
  approvalsReceived
  approvalsRequired
}`);

export const BulkApproveActions: Operation<BulkApproveActionsMutation, BulkApproveActionsMutationVariables> = operation(`mutation BulkApproveActions($actionIds: [ID!]!, $reason: String, $mode: BulkMode!, $idempotencyKey: String) {
  bulk: bulkApproveActions(
    actionIds: $actionIds
    reason: $reason
    mode: $mode
    idempotencyKey: $idempotencyKey
  ) {
    ...Bulk
  }
}

fragment Bulk on BulkDecision {
  verdict
  mode
  requested
  succeeded
  failed
  correlationId
  results {
    actionId
    decision {
      ...Decision
    }
    refusal {
      code
      status
      detail
      ...Facts
    }
  }
}

fragment Decision on ActionDecision {
  actionId
  status
  verdict
  decidedBy {
    id
    name
  }
  decidedAt
  reason
  correlationId
  approvalsReceived
  approvalsRequired
}

fragment Facts on Refusal {
  currentStatus
  decidedBy
  decidedAt
  requiredLevel
  heldLevel
  riskScore
  riskLimit
  heldRole
  requiredRoles
  submittedBy
  riskLevel
  approvalsReceived
  approvalsRequired
}`);

export const BulkRejectActions: Operation<BulkRejectActionsMutation, BulkRejectActionsMutationVariables> = operation(`mutation BulkRejectActions($actionIds: [ID!]!, $reason: String, $mode: BulkMode!, $idempotencyKey: String) {
  bulk: bulkRejectActions(
    actionIds: $actionIds
    reason: $reason
    mode: $mode
    idempotencyKey: $idempotencyKey
  ) {
    ...Bulk
  }
}

fragment Bulk on BulkDecision {
  verdict
  mode
  requested
  succeeded
  failed
  correlationId
  results {
    actionId
    decision {
      ...Decision
    }
    refusal {
      code
      status
      detail
      ...Facts
    }
  }
}

fragment Decision on ActionDecision {
  actionId
  status
  verdict
  decidedBy {
    id
    name
  }
  decidedAt
  reason
  correlationId
  approvalsReceived
  approvalsRequired
}

fragment Facts on Refusal {
  currentStatus
  decidedBy
  decidedAt
  requiredLevel
  heldLevel
  riskScore
  riskLimit
  heldRole
  requiredRoles
  submittedBy
  riskLevel
  approvalsReceived
  approvalsRequired
}`);

export const ApproveActionWithReceipt: Operation<ApproveActionWithReceiptMutation, ApproveActionWithReceiptMutationVariables> = operation(`mutation ApproveActionWithReceipt($actionId: ID!, $reason: String, $idempotencyKey: String) {
  decision: approveAction(
    actionId: $actionId
    reason: $reason
    idempotencyKey: $idempotencyKey
  ) {
    ...Decision
    ...Receipt
  }
}

fragment Decision on ActionDecision {
  actionId
  status
  verdict
  decidedBy {
    id
    name
  }
  decidedAt
  reason
  correlationId
  approvalsReceived
  approvalsRequired
}

fragment Receipt on ActionDecision {
  receipt {
    auditId
    leafHash
    signature
  }
}`);

export const RejectActionWithReceipt: Operation<RejectActionWithReceiptMutation, RejectActionWithReceiptMutationVariables> = operation(`mutation RejectActionWithReceipt($actionId: ID!, $reason: String, $idempotencyKey: String) {
  decision: rejectAction(
    actionId: $actionId
    reason: $reason
    idempotencyKey: $idempotencyKey
  ) {
    ...Decision
    ...Receipt
  }
}

fragment Decision on ActionDecision {
  actionId
  status
  verdict
  decidedBy {
    id
    name
  }
  decidedAt
  reason
  correlationId
  approvalsReceived
  approvalsRequired
}

fragment Receipt on ActionDecision {
  receipt {
    auditId
    leafHash
    signature
  }
}`);

export const BulkApproveActionsWithReceipt: Operation<BulkApproveActionsWithReceiptMutation, BulkApproveActionsWithReceiptMutationVariables> = operation(`mutation BulkApproveActionsWithReceipt($actionIds: [ID!]!, $reason: String, $mode: BulkMode!, $idempotencyKey: String) {
  bulk: bulkApproveActions(
    actionIds: $actionIds
    reason: $reason
    mode: $mode
    idempotencyKey: $idempotencyKey
  ) {
    ...Bulk
    ...BulkReceipt
  }
}

fragment Bulk on BulkDecision {
  verdict
  mode
  requested
  succeeded
  failed
  correlationId
  results {
    actionId
    decision {
      ...Decision
    }
    refusal {
      code
      status
      detail
      ...Facts
    }
  }
}

fragment Decision on ActionDecision {
  actionId
  status
  verdict
  decidedBy {
    id
    name
  }
  decidedAt
  reason
  correlationId
  approvalsReceived
  approvalsRequired
}

fragment Facts on Refusal {
  currentStatus
  decidedBy
  decidedAt
  requiredLevel
  heldLevel
  riskScore
  riskLimit
  heldRole
  requiredRoles
  submittedBy
  riskLevel
  approvalsReceived
  approvalsRequired
}

fragment BulkReceipt on BulkDecision {
  receipt {
    auditIds
    signature
  }
}`);

export const BulkRejectActionsWithReceipt: Operation<BulkRejectActionsWithReceiptMutation, BulkRejectActionsWithReceiptMutationVariables> = operation(`mutation BulkRejectActionsWithReceipt($actionIds: [ID!]!, $reason: String, $mode: BulkMode!, $idempotencyKey: String) {
  bulk: bulkRejectActions(
    actionIds: $actionIds
    reason: $reason
    mode: $mode
    idempotencyKey: $idempotencyKey
  ) {
    ...Bulk
    ...BulkReceipt
  }
}

fragment Bulk on BulkDecision {
  verdict
  mode
  requested
  succeeded
  failed
  correlationId
  results {
    actionId
    decision {
      ...Decision
    }
    refusal {
      code
      status
      detail
      ...Facts
    }
  }
}

fragment Decision on ActionDecision {
  actionId
  status
  verdict
  decidedBy {
    id
    name
  }
  decidedAt
  reason
  correlationId
  approvalsReceived
  approvalsRequired
}

fragment Facts on Refusal {
  currentStatus
  decidedBy
  decidedAt
  requiredLevel
  heldLevel
  riskScore
  riskLimit
  heldRole
  requiredRoles
  submittedBy
  riskLevel
  approvalsReceived
  approvalsRequired
}

fragment BulkReceipt on BulkDecision {
  receipt {
    auditIds
    signature
  }
}`);

export const SubmitAction: Operation<SubmitActionMutation, SubmitActionMutationVariables> = operation(`mutation SubmitAction($input: SubmitActionInput!, $idempotencyKey: String) {
  submission: submitAction(input: $input, idempotencyKey: $idempotencyKey) {
    actionId
    status
    riskScore
    riskLevel
    riskScoreSource
    reason
    policyVersion
    correlationId
    submittedAt
    expiresAt
  }
}`);

export const GetAction: Operation<GetActionQuery, GetActionQueryVariables> = operation(`query GetAction($id: ID!) {
  action(id: $id) {
    ...ActionDetails
  }
}

fragment ActionDetails on Action {
  id
  agentId
  agentName
  actionType
  description
  toolName
  targetSystem
  targetResource
  parameters
  status
  riskScore
  riskLevel
  requiredApprovalLevel
  submittedBy {
    id
    name
  }
  submittedAt
  updatedAt
  expiresAt
  approvalsReceived
  approvalsRequired
  decidedBy {
    id
    name
  }
  decidedAt
  reason
  correlationId
}`);

export const ListActions: Operation<ListActionsQuery, ListActionsQueryVariables> = operation(`query ListActions($filter: ActionFilter, $orderBy: ActionOrder, $first: Int, $after: String) {
  actions(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
    edges {
      node {
        ...ActionDetails
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}

fragment ActionDetails on Action {
  id
  agentId
  agentName
  actionType
  description
  toolName
  targetSystem
  targetResource
  parameters
  status
  riskScore
  riskLevel
  requiredApprovalLevel
  submittedBy {
    id
    name
  }
  submittedAt
  updatedAt
  expiresAt
  approvalsReceived
  approvalsRequired
  decidedBy {
    id
    name
  }
  decidedAt
  reason
  correlationId
}`);