import { registerEnumType } from 'type-graphql';
import { ACTION_STATUSES } from '../../domain/action';
import { POLICY_WARNING_CODES } from '../../domain/policy-warnings';
import { ROLES } from '../../domain/principal';
import { ERROR_CODES } from '../../domain/refusal';
import { RISK_LEVELS } from '../../domain/risk';
import { RISK_SCORE_SOURCES } from '../../domain/risk-score';
import { AUDIT_VERDICTS, FAULT_KINDS } from '../../audit/verification';
import { SUMMARY_KEYS } from '../../persistence/audit-summary.reads';
import { BULK_MODES } from '../../use-cases/decision-batch';

/** A GraphQL enum in upper case whose values are the domain's own words. */
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
  description: 'What an action can be. Only a pending one can still be decided.',
});
registerEnumType(RiskLevelEnum, {
  name: 'RiskLevel',
  description: 'LOW from 0, MEDIUM from 40, HIGH from 70, CRITICAL from 85; up to the next, and 100.',
});
registerEnumType(RiskScoreSourceEnum, {
  name: 'RiskScoreSource',
  description:
    'RULE: a scoring rule. ENGINE: an API key that may score. DEFAULT: no rule matched, so it is 95.',
});
registerEnumType(RoleEnum, { name: 'Role', description: 'What a person may do in their organization.' });
registerEnumType(VerdictEnum, { name: 'Verdict', description: 'What a reviewer says about an action.' });
registerEnumType(ErrorCodeEnum, {
  name: 'ErrorCode',
  description: 'Why something was refused: `extensions.code` here, `error_code` over REST.',
});
registerEnumType(ActorKindEnum, { name: 'ActorKind', description: 'Who did what an audit entry tells.' });
registerEnumType(BulkModeEnum, {
  name: 'BulkMode',
  description: 'BEST_EFFORT: each item for itself. ATOMIC: all are decided, or none if one is refused.',
});
registerEnumType(PolicyWarningCodeEnum, {
  name: 'PolicyWarningCode',
  description: 'What is risky about a policy that is possible.',
});
registerEnumType(FaultKindEnum, {
  name: 'AuditFaultKind',
  description: 'What can be wrong with an audit log.',
});
registerEnumType(AuditVerdictEnum, {
  name: 'AuditVerdict',
  description:
    'OK: everything agrees. PARTIAL: nothing is wrong, and not everything is proven. FAILED: something is wrong.',
});
registerEnumType(SummaryKeyEnum, { name: 'AuditSummaryKey', description: 'What a summary is grouped by.' });
registerEnumType(DirectionEnum, { name: 'SortDirection' });
registerEnumType(ActionOrderFieldEnum, { name: 'ActionOrderField' });
