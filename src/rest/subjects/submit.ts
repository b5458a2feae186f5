import { z } from 'zod';
import { restTime, word } from '../../api/rest-notation';
import { ACTION_STATUSES } from '../../domain/action';
import type { Parsed } from '../../domain/parsing';
import { POLICY_WARNING_CODES } from '../../domain/policy-warnings';
import { RISK_LEVELS } from '../../domain/risk';
import { RISK_SCORE_SOURCES } from '../../domain/risk-score';
import { MAX_LENGTHS, MAX_SIZES, parseSubmission, type Submission } from '../../domain/submission';
import { json } from '../openapi/described';
import { field, ID, PLAIN_TEXT, TEXT, TIME } from '../openapi/vocabulary';
import type { SubmitActionMutation } from '../operations.types';
import { bodyBy, IDEMPOTENCY_HEADERS, reads } from '../parameters';
import type { Endpoint, WriteAnswer } from '../route';
import { DECISION, DECISION_WORDS } from '../sdk-words';

/** Submitting an action. */

/** The names of each field in a body: ours, and the one of the vendor's SDK (docs/legacy-sdk.md#field-names). */
const NAMES: Readonly<Record<keyof Submission, readonly [string, string?]>> = {
  agentId: ['agent_id'],
  agentName: ['agent_name'],
  actionType: ['action_type'],
  description: ['description'],
  toolName: ['tool_name'],
  targetSystem: ['target_system', 'resource'],
  targetResource: ['target_resource', 'resource_id'],
  parameters: ['parameters', 'action_details'],
  context: ['context'],
  riskIndicators: ['risk_indicators'],
  riskScore: ['risk_score'],
};

/** Reads a submission from the fields of a body. If both names of a field are present, ours counts. */
function readFields(fields: Readonly<Record<string, unknown>>): Parsed<Submission> {
  const nameOf = (field: keyof Submission): string => {
    const [ours, theirs = ours] = NAMES[field];
    return (fields[ours] ?? null) === null && (fields[theirs] ?? null) !== null ? theirs : ours;
  };
  const given = Object.keys(NAMES).map((field) => [field, fields[nameOf(field as keyof Submission)]]);
  return parseSubmission(Object.fromEntries(given) as object, (field) => [nameOf(field)]);
}

const textUpTo = (maxLength: number): z.ZodType => PLAIN_TEXT.max(maxLength).nullable();
const jsonUpTo = (size: number): z.ZodType =>
  z
    .record(z.string(), z.unknown())
    .nullable()
    .meta({ description: `At most ${String(size)} bytes of JSON.` });
const INTEGER = z.int().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER);
const AS = 'Alternative name, used if the first is absent:';

/** What OpenAPI says about the body. The fields have two names each, so a parser of ours reads them together. */
const FIELDS = z.object({
  agent_id: z.union([PLAIN_TEXT.min(1).max(MAX_LENGTHS.agentId), INTEGER]),
  agent_name: textUpTo(MAX_LENGTHS.agentName).optional(),
  action_type: PLAIN_TEXT.min(1).max(MAX_LENGTHS.actionType),
  description: textUpTo(MAX_LENGTHS.description).optional(),
  tool_name: textUpTo(MAX_LENGTHS.toolName).optional(),
  target_system: textUpTo(MAX_LENGTHS.targetSystem).optional(),
  resource: textUpTo(MAX_LENGTHS.targetSystem)
    .optional()
    .meta({ description: `${AS} \`target_system\`.` }),
  target_resource: z.union([textUpTo(MAX_LENGTHS.targetResource), INTEGER]).optional(),
  resource_id: z
    .union([textUpTo(MAX_LENGTHS.targetResource), INTEGER])
    .optional()
    .meta({ description: `${AS} \`target_resource\`.` }),
  parameters: jsonUpTo(MAX_SIZES.parameters).optional(),
  action_details: jsonUpTo(MAX_SIZES.parameters)
    .optional()
    .meta({ description: `${AS} \`parameters\`.` }),
  context: jsonUpTo(MAX_SIZES.context).optional(),
  risk_indicators: z
    .union([jsonUpTo(MAX_SIZES.riskIndicators), z.array(PLAIN_TEXT)])
    .optional()
    .meta({ description: 'An object of names and values, or a list of names.' }),
  risk_score: z
    .number()
    .min(0)
    .max(100)
    .nullish()
    .meta({ description: 'Accepted only from an API key with the scope `actions:score`.' }),
});

/** Reads a submission and the idempotency key. */
const SUBMISSION_REQUEST = reads(
  z.object({ body: bodyBy(readFields, FIELDS), headers: IDEMPOTENCY_HEADERS }),
  ({ body, headers }) => ({ input: body, idempotencyKey: headers['idempotency-key'] }),
  true,
);

/** The result of a submission. */
export const SUBMISSION = z
  .object({
    action_id: field('actionId', ID),
    status: field('status', z.enum(ACTION_STATUSES)),
    decision: DECISION,
    risk_score: field('riskScore', z.number()),
    risk_level: field('riskLevel', z.enum(RISK_LEVELS)),
    reason: field('reason', TEXT),
    correlation_id: field('correlationId', TEXT),
    risk_score_source: field('riskScoreSource', z.enum(RISK_SCORE_SOURCES)),
    matched_rule: z
      .object({
        position: field('position', z.int()),
        action_type: TEXT.optional(),
        tool_name: TEXT.optional(),
        target_system: TEXT.optional(),
        risk_indicator: TEXT.optional(),
        score: field('score', z.number()),
      })
      .meta({ graphql: 'MatchedScoringRule' })
      .optional(),
    policy_version: field('policyVersion', z.int()),
    submitted_at: field('submittedAt', TIME),
    expires_at: TIME.optional(),
    warnings: z
      .array(
        z
          .object({ code: z.enum(POLICY_WARNING_CODES), detail: field('detail', TEXT) })
          .meta({ graphql: 'PolicyWarning' }),
      )
      .optional(),
  })
  .meta({ id: 'Submission', graphql: 'ActionSubmission' });

/** Writes the result of a submission, without absent values, as the SDK expects (docs/legacy-sdk.md#field-names). */
const writeSubmission: WriteAnswer<SubmitActionMutation, z.output<typeof SUBMISSION>> = ({ submission }) => {
  const { matchedRule: rule, expiresAt, warnings } = submission;
  const matched = rule && {
    position: rule.position,
    ...(rule.actionType !== null && { action_type: rule.actionType }),
    ...(rule.toolName !== null && { tool_name: rule.toolName }),
    ...(rule.targetSystem !== null && { target_system: rule.targetSystem }),
    ...(rule.riskIndicator !== null && { risk_indicator: rule.riskIndicator }),
    score: rule.score,
  };
  return {
    status: 200,
    body: {
      action_id: Number(submission.actionId),
      status: word(submission.status),
      decision: DECISION_WORDS[submission.status],
      risk_score: submission.riskScore,
      risk_level: word(submission.riskLevel),
      reason: submission.reason,
      correlation_id: submission.correlationId,
      risk_score_source: word(submission.riskScoreSource),
      ...(matched && { matched_rule: matched }),
      policy_version: submission.policyVersion,
      submitted_at: restTime(submission.submittedAt),
      ...(expiresAt !== null && { expires_at: restTime(expiresAt) }),
      ...(warnings.length > 0 && { warnings: warnings.map(({ code, detail }) => ({ code, detail })) }),
    },
  };
};

export const SUBMIT: Endpoint = {
  ...SUBMISSION_REQUEST,
  write: writeSubmission,
  responses: { 200: json('The action is pending, or the policy approved it.', SUBMISSION) },
  examples: {
    body: {
      agent_id: 'billing-agent',
      action_type: 'database_write',
      description: 'Correct invoice 42',
      target_system: 'billing-db',
      parameters: { amount: 12.5 },
      risk_indicators: { pii: true },
    },
  },
};
