/** What a submitted action can be (docs/graphql-api.md#enums); only a pending one can still be decided. */
export const ACTION_STATUSES = ['pending_approval', 'approved', 'denied', 'expired'] as const;
export type ActionStatus = (typeof ACTION_STATUSES)[number];

/** What a reviewer says about an action. */
export type Verdict = 'approve' | 'reject';

/** The life of an action: for each status, where each verdict leads once it takes effect. No entry, no move. */
const MOVES: Readonly<Record<ActionStatus, Readonly<Partial<Record<Verdict, ActionStatus>>>>> = {
  pending_approval: { approve: 'approved', reject: 'denied' },
  approved: {},
  denied: {},
  expired: {},
};

/** The status that a verdict leads to from a status, or null where that move does not exist. */
export function statusAfter(status: ActionStatus, verdict: Verdict): ActionStatus | null {
  return MOVES[status][verdict] ?? null;
}

/** The status that a verdict asks for, whatever an action's own status is. */
export function statusOf(verdict: Verdict): ActionStatus {
  return verdict === 'approve' ? 'approved' : 'denied';
}

/** One reviewer's verdict on an action, as it was given. */
export interface Vote {
  readonly actionId: number;
  readonly userId: number;
  readonly verdict: Verdict;
  readonly reason: string | null;
  /** The policy that it was given under; it counts by that, whatever changed since. */
  readonly policyVersion: number;
  readonly votedAt: Date;
}

/** Something an agent wants to do, as submitted, and what became of it. */
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
  /** What else the agent knew of the situation. */
  readonly context: Readonly<Record<string, unknown>> | null;
  /** What made it risky in the agent's own view: names with values, or a list of names. */
  readonly riskIndicators: Readonly<Record<string, unknown>> | readonly string[] | null;
  /** 0 to 100, fractions allowed. */
  readonly riskScore: number;
  readonly status: ActionStatus;
  /** Grows with every change that an authorization could rest on; a vote alone does not move it. */
  readonly version: number;
  /** Distinct reviewers who approved so far. */
  readonly approvals: number;
  /** The user who submitted it, or the owner of the API key that did. */
  readonly submittedById: number;
  readonly submittedByApiKeyId: number | null;
  /** Who made that API key; null for a person's own submission, and for a key that an operator made. */
  readonly apiKeyCreatedById: number | null;
  readonly submittedAt: Date;
  readonly updatedAt: Date;
  /** When it expires, or did, unless it is decided before; null for never. Fixed when it is submitted. */
  readonly expiresAt: Date | null;
  readonly decidedByKind: 'user' | 'policy' | null;
  readonly decidedById: number | null;
  readonly decidedAt: Date | null;
  readonly reason: string | null;
  /** Of the decision; null while pending. */
  readonly correlationId: string | null;
}
