import { CountersignError } from './error.ts';
import {
  ApproveAction,
  ApproveActionWithReceipt,
  BulkApproveActions,
  BulkApproveActionsWithReceipt,
  BulkRejectActions,
  BulkRejectActionsWithReceipt,
  GetAction,
  ListActions,
  RejectAction,
  RejectActionWithReceipt,
  SubmitAction,
  type ActionDetailsFragment,
  type ActionFilter,
  type ActionOrder,
  type BulkFragment,
  type BulkMode,
  type BulkReceiptFragment,
  type DecisionFragment,
  type ReceiptFragment,
  type SubmitActionInput,
  type SubmitActionMutation,
} from './operations.ts';
import { pause } from './pause.ts';
import type { Transport } from './transport.ts';

/** An action's id: a number up to 2^53-1, or its decimal digits. */
export type ActionId = number | string;

/** The options of every call. */
export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** The options of every call that changes something. */
export interface ChangeOptions extends CallOptions {
  /** A new random key for each call by default. With a key of your own, a call can be repeated after a crash. */
  readonly idempotencyKey?: string;
}

export interface DecisionOptions extends ChangeOptions {
  /** At most 2,000 characters. The organization's policy can require it. */
  readonly reason?: string;
  /** Whether the log signs a receipt of the decision, for you to keep. A replay has none. */
  readonly receipt?: boolean;
}

export interface BulkOptions extends DecisionOptions {
  /** BEST_EFFORT (the default) decides each action independently. ATOMIC decides all, or none if one is refused. */
  readonly mode?: BulkMode;
}

/** A verdict that took effect. */
export type Decision = DecisionFragment & Partial<ReceiptFragment>;
/** `approvedAt` and `approvedBy` are null while more approvals are required; `status` is then PENDING_APPROVAL. */
export type Approval = Decision & { readonly approvedAt: string | null; readonly approvedBy: number | null };
export type Rejection = Decision & { readonly rejectedAt: string; readonly rejectedBy: number };

/** The result of a bulk, action by action. */
export type BulkDecision = BulkFragment & Partial<BulkReceiptFragment>;
/** The result for one action: a decision or a refusal. */
export type BulkItem = BulkFragment['results'][number];

export type Submission = SubmitActionMutation['submission'];
export type Action = ActionDetailsFragment;

export interface ListOptions extends CallOptions {
  /** A list matches any of its members: `{ status: ['PENDING_APPROVAL'], decidableByViewer: true }`. */
  readonly filter?: ActionFilter;
  /** Newest first by default. */
  readonly orderBy?: ActionOrder;
  /** 1 to 100; 25 by default. */
  readonly first?: number;
  /** The `endCursor` of the previous page. */
  readonly after?: string;
}

export interface ActionPage {
  readonly actions: readonly Action[];
  readonly hasNextPage: boolean;
  readonly endCursor: string | null;
}

export interface WaitOptions extends CallOptions {
  /** The maximum time to wait, in milliseconds; five minutes by default. */
  readonly timeout?: number;
  /**
   * The pause between the first two polls, in milliseconds; 500 by default. Each further pause is half as long again,
   * up to 10 s.
   */
  readonly interval?: number;
}

const MAX_INTERVAL = 10_000;

/** The operations on actions. Every method throws a `CountersignError`, or the reason of an aborted signal. */
export class Actions {
  constructor(private readonly transport: Transport) {}

  /** Approves an action. Requires a JWT. */
  async approve(actionId: ActionId, options: DecisionOptions = {}): Promise<Approval> {
    const operation = options.receipt === true ? ApproveActionWithReceipt : ApproveAction;
    const { decision } = await this.transport.run(operation, decide(actionId, options), options.signal);
    const isApproved = decision.status === 'APPROVED';
    return {
      ...decision,
      approvedAt: isApproved ? decision.decidedAt : null,
      approvedBy: isApproved ? decision.decidedBy.id : null,
    };
  }

  /** Rejects an action. Requires a JWT. */
  async reject(actionId: ActionId, options: DecisionOptions = {}): Promise<Rejection> {
    const operation = options.receipt === true ? RejectActionWithReceipt : RejectAction;
    const { decision } = await this.transport.run(operation, decide(actionId, options), options.signal);
    const { decidedAt, decidedBy } = decision;
    return { ...decision, rejectedAt: decidedAt, rejectedBy: decidedBy.id };
  }

  /** Approves up to 500 actions. Refusals are items of the result, not errors. Requires a JWT. */
  async bulkApprove(actionIds: readonly ActionId[], options: BulkOptions = {}): Promise<BulkDecision> {
    const variables = decideAll(actionIds, options);
    const operation = options.receipt === true ? BulkApproveActionsWithReceipt : BulkApproveActions;
    return (await this.transport.run(operation, variables, options.signal)).bulk;
  }

  /** Rejects up to 500 actions. Refusals are items of the result, not errors. Requires a JWT. */
  async bulkReject(actionIds: readonly ActionId[], options: BulkOptions = {}): Promise<BulkDecision> {
    const variables = decideAll(actionIds, options);
    const operation = options.receipt === true ? BulkRejectActionsWithReceipt : BulkRejectActions;
    return (await this.transport.run(operation, variables, options.signal)).bulk;
  }

  /** Submits an action for approval. */
  async submit(input: SubmitActionInput, options: ChangeOptions = {}): Promise<Submission> {
    const variables = { input, idempotencyKey: keyOf(options) };
    return (await this.transport.run(SubmitAction, variables, options.signal)).submission;
  }

  /** Returns one action. @throws {CountersignError} ACTION_NOT_FOUND */
  async get(actionId: ActionId, { signal }: CallOptions = {}): Promise<Action> {
    const { action } = await this.transport.run(GetAction, { id: actionId }, signal);
    if (action !== null) return action;
    throw new CountersignError('ACTION_NOT_FOUND', `Action ${String(actionId)} not found`, { status: 404 });
  }

  /** Returns a page of actions. */
  async list({ signal, ...variables }: ListOptions = {}): Promise<ActionPage> {
    const { edges, pageInfo } = (await this.transport.run(ListActions, variables, signal)).actions;
    const { hasNextPage, endCursor } = pageInfo;
    return { actions: edges.map(({ node }) => node), hasNextPage, endCursor };
  }

  /**
   * Waits until an action is approved, denied or expired, and returns it.
   * @throws {CountersignError} STILL_PENDING after the timeout
   */
  async wait(actionId: ActionId, options: WaitOptions = {}): Promise<Action> {
    const { timeout = 300_000, interval = 500, signal } = options;
    const end = Date.now() + timeout;
    for (let next = interval; ; next = Math.min(next * 1.5, MAX_INTERVAL)) {
      const action = await this.get(actionId, options);
      if (action.status !== 'PENDING_APPROVAL') return action;
      const left = end - Date.now();
      if (left <= 0)
        throw new CountersignError(
          'STILL_PENDING',
          `Nobody decided action ${String(actionId)} within ${String(timeout)} ms`,
        );
      await pause(Math.min(next, left), signal);
    }
  }
}

function decide(
  actionId: ActionId,
  options: DecisionOptions,
): { actionId: ActionId; reason: string | null; idempotencyKey: string } {
  return { actionId, reason: options.reason ?? null, idempotencyKey: keyOf(options) };
}

function decideAll(
  actionIds: readonly ActionId[],
  options: BulkOptions,
): { actionIds: readonly ActionId[]; reason: string | null; mode: BulkMode; idempotencyKey: string } {
  const { reason = null, mode = 'BEST_EFFORT' } = options;
  return { actionIds, reason, mode, idempotencyKey: keyOf(options) };
}

/**
 * Returns the caller's key, or a random one. All attempts of a call share it, which makes retries safe. Does not use
 * `randomUUID`, which pages without TLS lack.
 */
function keyOf({ idempotencyKey }: ChangeOptions): string {
  if (idempotencyKey !== undefined) return idempotencyKey;
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
