import { DEFAULT_RULES, type ApprovalPolicy } from '../../domain/policy';
import { applyPatch } from '../../domain/policy-change';

/** Joins the policy in force to a row that names its organization as `u.organization_id`. */
export const CURRENT_POLICY = `
  JOIN organizations o ON o.id = u.organization_id
  JOIN approval_policies p ON p.organization_id = o.id AND p.version = o.policy_version`;

/** The result columns of `CURRENT_POLICY`. */
export interface PolicyColumns {
  readonly policyVersion: number;
  /** JSON text. */
  readonly policyDocument: string;
}

/** The select list of `CURRENT_POLICY`, with the names of `PolicyColumns`. */
export const POLICY_COLUMNS = 'p.version AS "policyVersion", p.document::text AS "policyDocument"';

/** Maximum number of parsed policies in the cache. */
const MAX_KNOWN = 1000;
const known = new Map<string, ApprovalPolicy>();

/** Returns the policy in force. Parsed policies are cached by version and document text. */
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
 * Parses a stored policy document. Settings that an older document lacks get their default
 * (docs/approval-policy.md#settings).
 * @throws {Error} where the document is not an object or not a valid policy
 */
export function readPolicy(version: number, document: unknown): ApprovalPolicy {
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw new Error(`The stored policy version ${String(version)} is not valid: it is not an object`);
  const rules = applyPatch(DEFAULT_RULES, document);
  if (rules.faults === undefined) return { version, ...rules.value };
  const faults = rules.faults.map(({ loc, msg }) => `${loc.join('.')} ${msg}`).join('; ');
  throw new Error(`The stored policy version ${String(version)} is not valid: ${faults}`);
}
