/** The statuses of an action (docs/graphql-api.md#enums). Only a pending action can be decided. */
export const ACTION_STATUSES = ['pending_approval', 'approved', 'denied', 'expired'] as const;
export type ActionStatus = (typeof ACTION_STATUSES)[number];

/** A reviewer's judgement on an action. */
export type Verdict = 'approve' | 'reject';

/**
 * The state machine of an action: for each status, the status that each verdict leads to once it takes effect. A
 * missing entry is a transition that does not exist.
 */
const MOVES: Readonly<Record<ActionStatus, Readonly<Partial<Record<Verdict, ActionStatus>>>>> = {
  pending_approval: { approve: 'approved', reject: 'denied' },
  approved: {},
  denied: {},
  expired: {},
};

/** Returns the status that a verdict leads to from a status, or null where that transition does not exist. */
export function statusAfter(status: ActionStatus, verdict: Verdict): ActionStatus | null {
  return MOVES[status][verdict] ?? null;
}

/** Returns the status that a verdict asks for, independent of the action's own status. */
export function statusOf(verdict: Verdict): ActionStatus {
  return verdict === 'approve' ? 'approved' : 'denied';
}

/** One reviewer's recorded verdict on an action. */
export interface Vote {
  readonly actionId: number;
  readonly userId: number;
  readonly verdict: Verdict;
  readonly reason: string | null;
  /** The policy version in force when the vote was cast. The vote counts under it, whatever changed since. */
  readonly policyVersion: number;
  readonly votedAt: Date;
}

/** An action submitted by an agent for approval, and its outcome. */
export interface Action {
  readonly organizationId: number;
  /** 1 to 2^53-1, unique across organizations. */
  readonly id: number;
  readonly agentId: string;
  readonly agentName: string | null;
  readonly actionType: string;
  readonly description: string | null;
  readonly toolName: string | null;
  readonly targetSystem: string | null;
  readonly targetResource: string | null;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Further circumstances that the agent reported. */
  readonly context: Readonly<Record<string, unknown>> | null;
  /** What makes the action risky in the agent's view: names with values, or a list of names. */
  readonly riskIndicators: Readonly<Record<string, unknown>> | readonly string[] | null;
  /** 0 to 100, fractions allowed. */
  readonly riskScore: number;
  readonly status: ActionStatus;
  /** Incremented by every change that an authorization could rest on; a vote alone does not increment it. */
  readonly version: number;
  /** How many distinct reviewers have approved so far. */
  readonly approvals: number;
  /** The user who submitted it, or the owner of the API key that did. */
  readonly submittedById: number;
  readonly submittedByApiKeyId: number | null;
  /** The user who created that API key; null for a person's own submission, and for a key that an operator created. */
  readonly apiKeyCreatedById: number | null;
  readonly submittedAt: Date;
  readonly updatedAt: Date;
  /** When the action expires unless it is decided before, or when it expired; null for never. Fixed at submission. */
  readonly expiresAt: Date | null;
  readonly decidedByKind: 'user' | 'policy' | null;
  readonly decidedById: number | null;
  readonly decidedAt: Date | null;
  readonly reason: string | null;
  /** The decision's correlation id; null while pending. */
  readonly correlationId: string | null;
}
