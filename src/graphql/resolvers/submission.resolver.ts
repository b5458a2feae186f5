import { Arg, Ctx, Directive, FieldResolver, Mutation, Resolver, Root } from 'type-graphql';
import type { Action } from '../../domain/action';
import { RefusedError, validationRefusal } from '../../domain/refusal';
import { riskLevelOf } from '../../domain/risk';
import { parseSubmission } from '../../domain/submission';
import type { SubmissionResult, SubmitAction } from '../../use-cases/submit-action';
import type { AuthorizedContext } from '../context';
import { SubmitActionInput } from '../inputs/submission.input';
import { ActionType } from '../types/action.type';
import { ActionSubmissionType } from '../types/submission.type';

@Resolver(() => ActionSubmissionType)
export class SubmissionResolver {
  constructor(private readonly submitAction: SubmitAction) {}

  @Directive(
    '@authorize(roles: [ADMIN, SECURITY_MANAGER, MANAGER, USER], credential: ANY, scope: "actions:submit")',
  )
  @Mutation(() => ActionSubmissionType, {
    name: 'submitAction',
    description: 'Submits an action to be decided; it is scored, and waits unless the policy approves it.',
  })
  async submit(
    @Arg('input', () => SubmitActionInput) input: SubmitActionInput,
    @Ctx() { principal: submitter, origin, loaders }: AuthorizedContext,
  ): Promise<ActionSubmissionType> {
    const parsed = parseSubmission({ ...input }, (field) => ['input', field]);
    if (parsed.faults !== undefined) throw new RefusedError(validationRefusal(parsed.faults));
    const result = await this.submitAction({ submitter, submission: parsed.value, origin });
    loaders.action.prime(result.action.id, result.action);
    return payloadOf(result);
  }

  @FieldResolver(() => ActionType, { description: 'As it is now.' })
  async action(
    @Root() { actionId }: ActionSubmissionType,
    @Ctx() { loaders }: AuthorizedContext,
  ): Promise<Action> {
    const action = await loaders.action.load(actionId);
    if (action === null) throw new Error(`The submitted action ${String(actionId)} is missing`);
    return action;
  }
}

function payloadOf({ action, scoring, ...result }: SubmissionResult): ActionSubmissionType {
  const { score, source, matched } = scoring;
  return {
    ...result,
    actionId: action.id,
    status: action.status,
    riskScore: score,
    riskLevel: riskLevelOf(score),
    riskScoreSource: source,
    matchedRule: matched && { ...matched.rule, position: matched.position },
    submittedAt: action.submittedAt,
    expiresAt: action.expiresAt,
  };
}
