import type { Parsed } from '../domain/decision-request';
import { parseSubmission, type Submission } from '../domain/submission';
import { DECISION_WORDS, word, type WriteAnswer } from './answers';
import type { SubmitActionMutation } from './operations.types';
import { readBody, readIdempotencyKey, type ReadVariables } from './requests';
import { restTime } from '../api/time';

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
export const readSubmission: ReadVariables = ({ body, headers }) => {
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
export const writeSubmission: WriteAnswer<SubmitActionMutation> = ({ submission }) => {
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
