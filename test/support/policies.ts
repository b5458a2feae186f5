import type { Answer, Gateway } from './gateway';
import { perRiskLevel } from './policy-documents';

const PER_RISK_LEVEL = '{ low medium high critical }';

/** Every field of a policy version, as a GraphQL selection. */
export const VERSION = `version approvalLevels requiredLevels ${PER_RISK_LEVEL} roleLevels { manager securityManager admin }
  managerMaxRiskScore quorum ${PER_RISK_LEVEL} ownActionsAllowed reasonRequired { approve reject }
  timeToLiveSeconds ${PER_RISK_LEVEL} excludedFromBulk autoApproveBelow
  scoringRules { actionType toolName targetSystem riskIndicator score } reason changedAt changedBy { id }`;

/** Further fields of the one in force, without its history. */
const POLICY = `${VERSION} warnings { code riskLevel detail }`;

/** Every setting of an organization that set nothing, as GraphQL answers it. */
export const DEFAULTS = {
  approvalLevels: true,
  requiredLevels: { low: 1, medium: 2, high: 3, critical: 4 },
  roleLevels: { manager: 1, securityManager: 3, admin: 4 },
  managerMaxRiskScore: null,
  quorum: perRiskLevel(1),
  ownActionsAllowed: false,
  reasonRequired: { approve: [], reject: [] },
  timeToLiveSeconds: perRiskLevel(null),
  excludedFromBulk: [],
  autoApproveBelow: null,
  scoringRules: [],
};

/** Some settings of a policy, as GraphQL answers them. */
export interface Policy {
  readonly version: number;
  readonly changedAt: string;
  readonly warnings: readonly {
    readonly code: string;
    readonly riskLevel: string | null;
    readonly detail: string;
  }[];
  readonly [setting: string]: unknown;
}

/** How a change is requested. */
export interface Asked {
  /** Acme's admin by default. */
  readonly user?: number;
  /** The version in force by default. */
  readonly expectedVersion?: number;
  readonly reason?: string;
}

const CHANGE = `mutation ($expectedVersion: Int!, $patch: ApprovalPolicyPatch!, $reason: String!) {
  changeApprovalPolicy(expectedVersion: $expectedVersion, patch: $patch, reason: $reason) { ${POLICY} } }`;

/** Requests a change of the policy, with the patch as JSON has it. */
export async function askToChange(
  gateway: Gateway,
  patch: object | null,
  { user = 1, expectedVersion, reason = 'As agreed' }: Asked = {},
): Promise<Answer> {
  const version = expectedVersion ?? (await policyOf(gateway, user)).version;
  return gateway.graphql(CHANGE, { user, variables: { expectedVersion: version, patch, reason } });
}

/** Changes the policy. @returns it as it is then @throws {Error} if the change is refused */
export async function changePolicy(gateway: Gateway, patch: object, asked: Asked = {}): Promise<Policy> {
  const { body } = await askToChange(gateway, patch, asked);
  if (body.errors !== undefined) throw new Error(`The change was refused: ${JSON.stringify(body.errors)}`);
  return body.data.changeApprovalPolicy as Policy;
}

/** The policy in force, as a person of the organization reads it. */
export async function policyOf(gateway: Gateway, user: number): Promise<Policy> {
  const { body } = await gateway.graphql(`{ approvalPolicy { ${POLICY} } }`, { user });
  return body.data.approvalPolicy as Policy;
}

/**
 * Everything that a change of a policy writes, in every organization: policies, the versions in force, audit entries.
 */
export async function writtenOfPolicies({ database }: Gateway): Promise<unknown> {
  return database.sql(
    `SELECT (SELECT json_agg(p ORDER BY organization_id, version) FROM approval_policies p) AS policies,
       (SELECT json_agg(policy_version ORDER BY id) FROM organizations) AS in_force,
       (SELECT count(*) FROM audit_log) AS entries, (SELECT count(*) FROM audit_pending) AS queued`,
  );
}

/** Sends a request that has to leave every policy, and the audit log, unchanged. */
export async function writingNothing(gateway: Gateway, ask: () => Promise<Answer>): Promise<Answer> {
  const before = await writtenOfPolicies(gateway);
  const answer = await ask();
  expect(await writtenOfPolicies(gateway)).toEqual(before);
  return answer;
}

/** The places of the faults of a refused request; null where it was not refused as invalid. */
export function faultyPlaces({ body }: Answer): string[] | null {
  const [{ extensions }] = body.errors;
  if (extensions.code !== 'VALIDATION_ERROR' || extensions.status !== 422) return null;
  return extensions.errors.map(({ loc }: { loc: string[] }) => loc.join('.'));
}
