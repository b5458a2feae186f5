import { Arg, Ctx, Directive, FieldResolver, Mutation, Resolver, Root } from 'type-graphql';
import type { Action } from '../../domain/action';
import { refusalOfScope } from '../../domain/decision-refusals';
import { READING_SCOPE } from '../../domain/role';
import { RefusedError, validationRefusal } from '../../domain/refusal';
import { parseIdempotencyKey } from '../../domain/idempotency';
import { riskLevelOf } from '../../domain/risk';
import { parseSubmission } from '../../domain/submission';
import type { SubmissionResult, SubmitAction } from '../../use-cases/submissions/submit-action';
import type { AuthorizedContext } from '../context';
import { SubmitActionInput } from '../inputs/submission.input';
import { ActionType } from '../types/action.type';
import { KEY } from './decision.resolver';
import { ActionSubmissionType } from '../types/submission.type';

@Resolver(() => ActionSubmissionType)
export class SubmissionResolver {
  constructor(private readonly submitAction: SubmitAction) {}

  @Directive(
    '@authorize(roles: [ADMIN, SECURITY_MANAGER, MANAGER, USER], credential: ANY, scope: "actions:submit")',
  )
  @Mutation(() => ActionSubmissionType, {
    name: 'submitAction',
    description:
      'Submits an action. It gets a risk score, and waits for approval unless the policy approves it at once.',
  })
  async submit(
    @Arg('input', () => SubmitActionInput) input: SubmitActionInput,
    @Arg('idempotencyKey', () => String, KEY) givenKey: string | null,
    @Ctx() { principal: submitter, origin, loaders }: AuthorizedContext,
  ): Promise<ActionSubmissionType> {
    const parsed = parseSubmission({ ...input }, (field) => ['input', field]);
    const key = parseIdempotencyKey(givenKey, ['idempotencyKey']);
    if (parsed.faults !== undefined || key.faults !== undefined)
      throw new RefusedError(validationRefusal([parsed, key].flatMap(({ faults }) => faults ?? [])));
    const asked = { submitter, submission: parsed.value, origin, idempotencyKey: key.value };
    const result = await this.submitAction(asked);
    if (result.action !== null) loaders.action.prime(result.actionId, result.action);
    return payloadOf(result);
  }

  @FieldResolver(() => ActionType, {
    nullable: true,
    description: 'The action as it is now. An API key needs the scope actions:read for it.',
  })
  async action(
    @Root() { actionId }: ActionSubmissionType,
    @Ctx() { principal, loaders }: AuthorizedContext,
  ): Promise<Action> {
    // Otherwise a key with only actions:submit could read decisions by repeating a submission.
    if (principal.kind === 'api_key' && !principal.scopes.includes(READING_SCOPE))
      throw new RefusedError(refusalOfScope(READING_SCOPE));
    const action = await loaders.action.load(actionId);
    if (action === null) throw new Error(`The submitted action ${String(actionId)} is missing`);
    return action;
  }
}

function payloadOf({ scoring, ...result }: SubmissionResult): ActionSubmissionType {
  const { score, source, matched } = scoring;
  return {
    ...result,
    riskScore: score,
    riskLevel: riskLevelOf(score),
    riskScoreSource: source,
    matchedRule: matched && { ...matched.rule, position: matched.position },
  };
}
