import type { GraphQLSchema } from 'graphql';
import { restTime, word } from '../../api/rest-notation';
import type { Parsed } from '../../domain/parsing';
import { POLICY_WARNING_CODES } from '../../domain/policy-warnings';
import { MAX_LENGTHS, MAX_SIZES, parseSubmission, type Submission } from '../../domain/submission';
import { json } from '../openapi/described';
import {
  listOf,
  objectOf,
  objectType,
  orNull,
  PLAIN_TEXT,
  ref,
  TEXT,
  TIME,
  type Schema,
} from '../openapi/json-schema';
import type { SubmitActionMutation } from '../operations.types';
import { readBody, readIdempotencyKey } from '../parameters';
import type { Endpoint, ReadVariables, WriteAnswer } from '../route';
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

/** Reads a submission and the idempotency key. If both names of a field are present, ours counts. */
const readSubmission: ReadVariables = ({ body, headers }) => {
  const fields = readBody(body);
  if (fields.faults !== undefined) return fields;
  const nameOf = (field: keyof Submission): string => {
    const [ours, theirs = ours] = NAMES[field];
    return (fields.value[ours] ?? null) === null && (fields.value[theirs] ?? null) !== null ? theirs : ours;
  };
  const given = Object.keys(NAMES).map((field) => [field, fields.value[nameOf(field as keyof Submission)]]);
  const parsed: Parsed<Submission> = parseSubmission(Object.fromEntries(given) as object, (field) => [
    'body',
    nameOf(field),
  ]);
  const key = readIdempotencyKey(headers);
  if (parsed.faults !== undefined || key.faults !== undefined)
    return { faults: [parsed, key].flatMap(({ faults }) => faults ?? []) };
  return { value: { input: parsed.value, idempotencyKey: key.value } };
};

/** Writes the result of a submission, without absent values, as the SDK expects (docs/legacy-sdk.md#field-names). */
const writeSubmission: WriteAnswer<SubmitActionMutation> = ({ submission }) => {
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

const textUpTo = (maxLength: number): Schema => orNull({ ...PLAIN_TEXT, maxLength });
const jsonUpTo = (size: number): Schema => ({
  type: ['object', 'null'],
  description: `At most ${String(size)} bytes of JSON.`,
});
const INTEGER: Schema = {
  type: 'integer',
  minimum: Number.MIN_SAFE_INTEGER,
  maximum: Number.MAX_SAFE_INTEGER,
};
const AS = 'Alternative name, used if the first is absent:';

const SUBMISSION: Schema = {
  type: 'object',
  required: ['agent_id', 'action_type'],
  properties: {
    agent_id: { anyOf: [{ ...PLAIN_TEXT, minLength: 1, maxLength: MAX_LENGTHS.agentId }, INTEGER] },
    agent_name: textUpTo(MAX_LENGTHS.agentName),
    action_type: { ...PLAIN_TEXT, minLength: 1, maxLength: MAX_LENGTHS.actionType },
    description: textUpTo(MAX_LENGTHS.description),
    tool_name: textUpTo(MAX_LENGTHS.toolName),
    target_system: textUpTo(MAX_LENGTHS.targetSystem),
    resource: { ...textUpTo(MAX_LENGTHS.targetSystem), description: `${AS} \`target_system\`.` },
    target_resource: { anyOf: [textUpTo(MAX_LENGTHS.targetResource), INTEGER] },
    resource_id: {
      anyOf: [textUpTo(MAX_LENGTHS.targetResource), INTEGER],
      description: `${AS} \`target_resource\`.`,
    },
    parameters: jsonUpTo(MAX_SIZES.parameters),
    action_details: { ...jsonUpTo(MAX_SIZES.parameters), description: `${AS} \`parameters\`.` },
    context: jsonUpTo(MAX_SIZES.context),
    risk_indicators: {
      anyOf: [jsonUpTo(MAX_SIZES.riskIndicators), { type: 'array', items: PLAIN_TEXT }],
      description: 'An object of names and values, or a list of names.',
    },
    risk_score: {
      type: ['number', 'null'],
      minimum: 0,
      maximum: 100,
      description: 'Accepted only from an API key with the scope `actions:score`.',
    },
  },
};

/** Returns the named schema of the result of a submission. */
export function submissionSchemas(schema: GraphQLSchema): Readonly<Record<string, Schema>> {
  const submission = objectType(schema, 'ActionSubmission');
  const rule = objectType(schema, 'MatchedScoringRule');
  const warning = objectType(schema, 'PolicyWarning');
  const Submission = objectOf(submission, {
    action_id: 'actionId',
    status: 'status',
    decision: DECISION,
    risk_score: 'riskScore',
    risk_level: 'riskLevel',
    reason: 'reason',
    correlation_id: 'correlationId',
    risk_score_source: 'riskScoreSource',
    'matched_rule?': objectOf(rule, {
      position: 'position',
      'action_type?': TEXT,
      'tool_name?': TEXT,
      'target_system?': TEXT,
      'risk_indicator?': TEXT,
      score: 'score',
    }),
    policy_version: 'policyVersion',
    submitted_at: 'submittedAt',
    'expires_at?': TIME,
    'warnings?': listOf(
      objectOf(warning, { code: { type: 'string', enum: [...POLICY_WARNING_CODES] }, detail: 'detail' }),
    ),
  });
  return { Submission };
}

export const SUBMIT: Endpoint = {
  read: readSubmission,
  write: writeSubmission,
  request: { idempotencyKey: true, body: SUBMISSION },
  responses: { 200: json('The action is pending, or the policy approved it.', ref('Submission')) },
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
