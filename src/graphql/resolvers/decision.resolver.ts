import { Arg, Ctx, Directive, Extensions, FieldResolver, ID, Mutation, Resolver, Root } from 'type-graphql';
import type { LogKey } from '../../audit/log-key';
import type { PromisedEntry } from '../../domain/receipt';
import { RefusedError } from '../../domain/refusal';
import type { AuditLogEntry } from '../../domain/audit-entry';
import type { DecideActions } from '../../use-cases/decisions/decide-actions';
import type { DecisionResult } from '../../use-cases/decisions/decision-outcomes';
import type { Decision, Outcome } from '../../use-cases/decisions/decision-outcomes';
import type { BulkMode, DecisionRequest } from '../../use-cases/decisions/decision-batch';
import { HTTP_STATUS } from '../../api/status';
import type { AuthorizedContext, RequestContext } from '../context';
import { AuditLogType } from '../types/audit-log.type';
import { BulkModeEnum } from '../types/enums';
import {
  ActionDecisionType,
  AuditReceiptType,
  BulkDecisionType,
  BulkReceiptType,
  NO_FACTS,
  type BulkItemType,
} from '../types/decision.type';

const REVIEWERS = '@authorize(roles: [ADMIN, SECURITY_MANAGER, MANAGER], credential: JWT, riskLimited: true)';
const REASON = { nullable: true, description: 'At most 2,000 characters.' } as const;
export const KEY = {
  nullable: true,
  description:
    'A key of your choice for this request. A repeated request with the same key within 24 hours has no further effect and gets the same answer.',
} as const;
const IDS = { description: '1 to 500 ids. Duplicates count once.' } as const;

const MODE = { defaultValue: 'best_effort' } as const;

/** The mutations ignore their arguments: the directive has already parsed them and authorized the request. */
@Resolver(() => ActionDecisionType)
export class DecisionResolver {
  constructor(
    private readonly decideActions: DecideActions,
    private readonly log: Pick<LogKey, 'signReceipt'>,
  ) {}

  @Directive(REVIEWERS)
  @Extensions({ verdict: 'approve' })
  @Mutation(() => ActionDecisionType, { description: 'Approves an action.' })
  approveAction(
    @Arg('actionId', () => ID) _actionId: string,
    @Arg('reason', () => String, REASON) _reason: string | null,
    @Arg('idempotencyKey', () => String, KEY) _key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<ActionDecisionType> {
    return this.decideOne(context);
  }

  @Directive(REVIEWERS)
  @Extensions({ verdict: 'reject' })
  @Mutation(() => ActionDecisionType, { description: 'Rejects an action.' })
  rejectAction(
    @Arg('actionId', () => ID) _actionId: string,
    @Arg('reason', () => String, REASON) _reason: string | null,
    @Arg('idempotencyKey', () => String, KEY) _key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<ActionDecisionType> {
    return this.decideOne(context);
  }

  @Directive(REVIEWERS)
  @Extensions({ verdict: 'approve' })
  @Mutation(() => BulkDecisionType, { description: 'Approves up to 500 actions.' })
  bulkApproveActions(
    @Arg('actionIds', () => [ID], IDS) _actionIds: string[],
    @Arg('reason', () => String, REASON) _reason: string | null,
    @Arg('mode', () => BulkModeEnum, MODE) _mode: BulkMode,
    @Arg('idempotencyKey', () => String, KEY) _key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<BulkDecisionType> {
    return this.decideMany(context);
  }

  @Directive(REVIEWERS)
  @Extensions({ verdict: 'reject' })
  @Mutation(() => BulkDecisionType, { description: 'Rejects up to 500 actions.' })
  bulkRejectActions(
    @Arg('actionIds', () => [ID], IDS) _actionIds: string[],
    @Arg('reason', () => String, REASON) _reason: string | null,
    @Arg('mode', () => BulkModeEnum, MODE) _mode: BulkMode,
    @Arg('idempotencyKey', () => String, KEY) _key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<BulkDecisionType> {
    return this.decideMany(context);
  }

  @FieldResolver(() => AuditLogType, { description: 'The audit entry that was written with the decision.' })
  async auditLog(
    @Root() decision: DecisionPayload,
    @Ctx() { loaders }: AuthorizedContext,
  ): Promise<AuditLogEntry> {
    const entry = await loaders.auditEntry.load(decision.auditId);
    if (entry === null) throw new Error(`The audit entry ${String(decision.auditId)} is missing`);
    return entry;
  }

  @FieldResolver(() => AuditReceiptType, {
    nullable: true,
    description:
      'Keep it: it proves a later removal of the entry. It is signed only if it is selected. Null for a replay, and in a bulk, which has one receipt for all of its decisions.',
  })
  receipt(
    @Root() { auditId, leafHash, isReceiptGiven }: DecisionPayload,
    @Ctx() { principal }: AuthorizedContext,
  ): AuditReceiptType | null {
    // What a replay reads from the database could have been altered, so nothing is promised of it.
    if (!isReceiptGiven) return null;
    const signature = this.log.signReceipt(principal.organizationId, { auditId, leafHash });
    return { auditId, leafHash: leafHash.toString('base64'), signature };
  }

  private async decideOne(context: RequestContext): Promise<DecisionPayload> {
    const { request, result } = await this.decide(context);
    const [outcome] = result.outcomes;
    if (outcome?.decision === undefined) throw new RefusedError(outcome?.refusal ?? noOutcome());
    return payloadOf(outcome.decision, request, result, !result.isReplay);
  }

  private async decideMany(context: RequestContext): Promise<BulkPayload> {
    const { request, result } = await this.decide(context);
    const { outcomes, correlationId, isReplay } = result;
    const decisions = outcomes.flatMap(({ decision }) => decision ?? []);
    const succeeded = decisions.length;
    return {
      verdict: request.attempt.verdict,
      mode: request.mode,
      requested: outcomes.length,
      succeeded,
      failed: outcomes.length - succeeded,
      correlationId,
      results: outcomes.map((outcome) => bulkItemOf(outcome, request, result)),
      promised: isReplay ? [] : decisions,
    };
  }

  /** Decides, and updates the context's principal to the reviewer and policy that the decision used. */
  private async decide(
    context: RequestContext,
  ): Promise<{ request: DecisionRequest; result: DecisionResult }> {
    const request = authorizedIn(context);
    const result = await this.decideActions(request);
    context.principal = result.reviewer;
    return { request, result };
  }
}

/** The source object of ActionDecision's fields. */
interface DecisionPayload extends ActionDecisionType {
  readonly auditId: number;
  readonly leafHash: Buffer;
  /** Whether `receipt` is signed if it is selected. */
  readonly isReceiptGiven: boolean;
}

/** The source object of BulkDecision's fields. */
interface BulkPayload extends BulkDecisionType {
  /** The entries that the bulk's receipt covers: those of this request's own decisions. */
  readonly promised: readonly PromisedEntry[];
}

@Resolver(() => BulkDecisionType)
export class BulkDecisionResolver {
  constructor(private readonly log: Pick<LogKey, 'signBulkReceipt'>) {}

  @FieldResolver(() => BulkReceiptType, {
    nullable: true,
    description:
      'Keep it: it proves a later removal of any of the entries. It is signed only if it is selected. Null for a replay, and if nothing was decided.',
  })
  receipt(
    @Root() { promised }: BulkPayload,
    @Ctx() { principal }: AuthorizedContext,
  ): BulkReceiptType | null {
    if (promised.length === 0) return null;
    const signature = this.log.signBulkReceipt(principal.organizationId, promised);
    const auditIds = promised.map(({ auditId }) => auditId).sort((one, other) => one - other);
    return { auditIds, signature };
  }
}

function payloadOf(
  decision: Decision,
  { reason }: DecisionRequest,
  { reviewer, correlationId }: DecisionResult,
  isReceiptGiven: boolean,
): DecisionPayload {
  const { actionId, status, verdict, decidedAt, approvalsReceived, approvalsRequired } = decision;
  const { auditId, leafHash, action } = decision;
  return {
    actionId,
    status,
    verdict,
    decidedBy: reviewer.user,
    decidedAt,
    reason,
    correlationId,
    approvalsReceived,
    approvalsRequired,
    auditId,
    leafHash,
    isReceiptGiven,
    action,
  };
}

function bulkItemOf(
  { actionId, decision, refusal }: Outcome,
  request: DecisionRequest,
  result: DecisionResult,
): BulkItemType {
  if (decision !== undefined)
    return { actionId, decision: payloadOf(decision, request, result, false), refusal: null };
  const { code, detail, facts } = refusal;
  return {
    actionId,
    decision: null,
    refusal: { code, status: HTTP_STATUS[code], detail, ...NO_FACTS, ...facts },
  };
}

function authorizedIn(context: RequestContext): DecisionRequest {
  if (context.authorized === null) throw new Error('The authorization directive did not run');
  return context.authorized;
}

function noOutcome(): never {
  throw new Error('A decision without an outcome');
}
