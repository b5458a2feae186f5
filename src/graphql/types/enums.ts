import { registerEnumType } from 'type-graphql';
import { ACTION_STATUSES } from '../../domain/action';
import { POLICY_WARNING_CODES } from '../../domain/policy-warnings';
import { ROLES } from '../../domain/role';
import { ERROR_CODES } from '../../domain/refusal';
import { RISK_LEVELS } from '../../domain/risk';
import { RISK_SCORE_SOURCES } from '../../domain/risk-score';
import { AUDIT_VERDICTS, FAULT_KINDS } from '../../audit/verification';
import { SUMMARY_KEYS } from '../../persistence/audit/audit-summary.reads';
import { BULK_MODES } from '../../use-cases/decisions/decision-batch';

/** Returns a GraphQL enum whose names are in upper case and whose values are the domain's words. */
function enumOf<Word extends string>(words: readonly Word[]): Readonly<Record<string, Word>> {
  return Object.fromEntries(words.map((word) => [word.toUpperCase(), word]));
}

export const ActionStatusEnum = enumOf(ACTION_STATUSES);
export const RiskLevelEnum = enumOf(RISK_LEVELS);
export const RiskScoreSourceEnum = enumOf(RISK_SCORE_SOURCES);
export const RoleEnum = enumOf(ROLES);
export const VerdictEnum = enumOf(['approve', 'reject']);
export const ErrorCodeEnum = enumOf(ERROR_CODES);
export const ActorKindEnum = enumOf(['user', 'api_key', 'policy', 'system']);
export const BulkModeEnum = enumOf(BULK_MODES);
export const PolicyWarningCodeEnum = enumOf(POLICY_WARNING_CODES);
export const FaultKindEnum = enumOf(FAULT_KINDS);
export const AuditVerdictEnum = enumOf(AUDIT_VERDICTS);
export const SummaryKeyEnum = enumOf(SUMMARY_KEYS);
export const DirectionEnum = enumOf(['asc', 'desc']);
export const ActionOrderFieldEnum = { SUBMITTED_AT: 'submittedAt', RISK_SCORE: 'riskScore' } as const;

registerEnumType(ActionStatusEnum, {
  name: 'ActionStatus',
  description: 'The status of an action. Only a pending action can be decided.',
});
registerEnumType(RiskLevelEnum, {
  name: 'RiskLevel',
  description:
    'The risk level of a score: LOW from 0, MEDIUM from 40, HIGH from 70, CRITICAL from 85 to 100.',
});
registerEnumType(RiskScoreSourceEnum, {
  name: 'RiskScoreSource',
  description:
    'The source of a risk score. RULE: a scoring rule. ENGINE: an API key with the scope actions:score. DEFAULT: no rule matched, so the score is 95.',
});
registerEnumType(RoleEnum, { name: 'Role', description: 'The role of a user in the organization.' });
registerEnumType(VerdictEnum, { name: 'Verdict', description: "A reviewer's decision on an action." });
registerEnumType(ErrorCodeEnum, {
  name: 'ErrorCode',
  description:
    'The reason why a request was refused: `extensions.code` in GraphQL errors, `error_code` in REST.',
});
registerEnumType(ActorKindEnum, {
  name: 'ActorKind',
  description: 'The kind of actor of an audit log entry.',
});
registerEnumType(BulkModeEnum, {
  name: 'BulkMode',
  description:
    'BEST_EFFORT decides each action independently. ATOMIC decides all actions, or none if one is refused.',
});
registerEnumType(PolicyWarningCodeEnum, {
  name: 'PolicyWarningCode',
  description: 'The kind of a policy warning.',
});
registerEnumType(FaultKindEnum, {
  name: 'AuditFaultKind',
  description: 'The kind of a fault in the audit log.',
});
registerEnumType(AuditVerdictEnum, {
  name: 'AuditVerdict',
  description:
    'OK: everything was proven. PARTIAL: no fault was found, but not everything was proven. FAILED: a fault was found.',
});
registerEnumType(SummaryKeyEnum, {
  name: 'AuditSummaryKey',
  description: 'The key by which a summary is grouped.',
});
registerEnumType(DirectionEnum, { name: 'SortDirection' });
registerEnumType(ActionOrderFieldEnum, { name: 'ActionOrderField' });
