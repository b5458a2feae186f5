import { DEFAULT_RULES, type ApprovalPolicy } from '../domain/policy';
import { applyPatch } from '../domain/policy-change';

/** Joins the policy in force to a row that names its organization as `u.organization_id`. */
export const CURRENT_POLICY = `
  JOIN organizations o ON o.id = u.organization_id
  JOIN approval_policies p ON p.organization_id = o.id AND p.version = o.policy_version`;

/** What `CURRENT_POLICY` is read as. */
export interface PolicyColumns {
  readonly policyVersion: number;
  /** As JSON. */
  readonly policyDocument: string;
}

/** The columns of `CURRENT_POLICY`, named as `PolicyColumns` has them. */
export const POLICY_COLUMNS = 'p.version AS "policyVersion", p.document::text AS "policyDocument"';

/** How many policies are remembered as they were read. */
const MAX_KNOWN = 1000;
const known = new Map<string, ApprovalPolicy>();

/** The policy in force; one that was read before is not read again, since the same text says the same. */
export function currentPolicy({ policyVersion, policyDocument }: PolicyColumns): ApprovalPolicy {
  const key = `${String(policyVersion)} ${policyDocument}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  const policy = readPolicy(policyVersion, JSON.parse(policyDocument));
  if (known.size === MAX_KNOWN) known.clear();
  known.set(key, policy);
  return policy;
}

/**
 * Reads a stored policy document; what an older one leaves out has the default of docs/approval-policy.md#settings.
 * @throws {Error} where it is none, or an impossible one
 */
export function readPolicy(version: number, document: unknown): ApprovalPolicy {
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw new Error(`The stored policy version ${String(version)} is not valid: it is no object`);
  const rules = applyPatch(DEFAULT_RULES, document);
  if (rules.faults === undefined) return { version, ...rules.value };
  const faults = rules.faults.map(({ loc, msg }) => `${loc.join('.')} ${msg}`).join('; ');
  throw new Error(`The stored policy version ${String(version)} is not valid: ${faults}`);
}
