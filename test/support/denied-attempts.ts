import type { Verdict } from './apis';
import type { Gateway } from './gateway';
import { newPolicy } from './racing';
import {
  addApproved,
  addExpired,
  addFresh,
  ADMIN,
  ANALYST,
  JUNIOR,
  LIMITED,
  SECURITY,
  SENIOR,
  STRICT_POLICY,
} from './situations';

/** Stands for a key that only the test can create. */
export const AN_API_KEY = 'of the test';
/** The manager of Globex, where levels are off. */
const MANAGER_OF_GLOBEX = 142;
/** Two more managers of Acme. */
const [LEVEL_0, LIMIT_0] = [8, 9] as const;

/** A denied attempt, and everything that is said of it. */
export interface DeniedAttempt {
  readonly title: string;
  readonly code: string;
  readonly status: number;
  /** Who attempts it. */
  readonly by: number | typeof AN_API_KEY;
  /** Creates the action that they attempt to decide. */
  readonly make: (gateway: Gateway) => Promise<number>;
  readonly detail: (id: number, verdict: Verdict) => string;
  /** Under `context` over REST, and in the extensions over GraphQL; `AT` stands for the time. */
  readonly context?: Readonly<Record<string, unknown>>;
  readonly extensions?: Readonly<Record<string, unknown>>;
  /** Whether a bulk is refused as a whole. */
  readonly isOfRequest?: true;
  /** What is refused in a bulk only. */
  readonly isOfBulk?: true;
  /** The compared levels and the limit: [required, held, limit]. */
  readonly weighed: readonly [number | null, number | null, number | null];
  /** What `viewerCan…` says where it is not the refusal, or no reason required and a bulk allowed. */
  readonly beforehand?: Readonly<Record<string, unknown>>;
  readonly missing: number;
}

/** Stands for the time of the decision. */
export const AT = 'when it was decided';
const fresh = (score: number, submitter?: number) => (gateway: Gateway) =>
  addFresh(gateway, score, submitter);

/** Every refusal of an action, or of a caller, under the strict policy. */
export const DENIED_ATTEMPTS: readonly DeniedAttempt[] = [
  {
    title: 'an API key',
    code: 'JWT_REQUIRED',
    status: 401,
    by: AN_API_KEY,
    make: fresh(10),
    detail: () => 'This operation needs a JWT; an API key is not accepted',
    isOfRequest: true,
    weighed: [null, null, null],
    missing: 1,
  },
  {
    title: 'an analyst',
    code: 'INSUFFICIENT_PERMISSIONS',
    status: 403,
    by: ANALYST,
    make: fresh(72),
    detail: () =>
      'Role user lacks the permission for this operation, which is for admin, security_manager, manager',
    context: { required_roles: ['admin', 'security_manager', 'manager'], held_role: 'user' },
    extensions: { requiredRoles: ['ADMIN', 'SECURITY_MANAGER', 'MANAGER'], heldRole: 'USER' },
    isOfRequest: true,
    weighed: [3, 0, null],
    beforehand: { bulkAllowed: false },
    missing: 1,
  },
  {
    title: 'a manager of too low a level',
    code: 'APPROVAL_LEVEL_REQUIRED',
    status: 403,
    by: JUNIOR,
    make: fresh(40),
    detail: (id) => `Action ${String(id)} is of medium risk and requires approval level 2; you hold level 1`,
    context: { required_level: 2, held_level: 1 },
    extensions: { requiredLevel: 2, heldLevel: 1 },
    weighed: [2, 1, null],
    missing: 2,
  },
  {
    title: 'a manager of level 0',
    code: 'APPROVAL_LEVEL_REQUIRED',
    status: 403,
    by: LEVEL_0,
    make: fresh(0),
    detail: (id) => `Action ${String(id)} is of low risk and requires approval level 1; you hold level 0`,
    context: { required_level: 1, held_level: 0 },
    extensions: { requiredLevel: 1, heldLevel: 0 },
    weighed: [1, 0, null],
    missing: 1,
  },
  {
    title: 'a manager with a limit of their own',
    code: 'RISK_LIMIT_EXCEEDED',
    status: 403,
    by: LIMITED,
    make: fresh(30.5),
    detail: (id) => `Action ${String(id)} has risk score 30.5, above your limit of 30`,
    context: { risk_score: 30.5, risk_limit: 30 },
    extensions: { riskScore: 30.5, riskLimit: 30 },
    weighed: [1, 1, 30],
    missing: 1,
  },
  {
    title: 'a manager with a limit of 0',
    code: 'RISK_LIMIT_EXCEEDED',
    status: 403,
    by: LIMIT_0,
    make: fresh(0.5),
    detail: (id) => `Action ${String(id)} has risk score 0.5, above your limit of 0`,
    context: { risk_score: 0.5, risk_limit: 0 },
    extensions: { riskScore: 0.5, riskLimit: 0 },
    weighed: [1, 1, 0],
    missing: 1,
  },
  {
    title: "a manager with the organization's limit, where levels are off",
    code: 'RISK_LIMIT_EXCEEDED',
    status: 403,
    by: MANAGER_OF_GLOBEX,
    make: async (gateway) => (await gateway.addActions([90], { organization: 2 }))[0] ?? 0,
    detail: (id) => `Action ${String(id)} has risk score 90, above your limit of 69`,
    context: { risk_score: 90, risk_limit: 69 },
    extensions: { riskScore: 90, riskLimit: 69 },
    weighed: [null, null, 69],
    missing: 1,
  },
  {
    title: 'the manager who submitted it',
    code: 'SELF_APPROVAL_FORBIDDEN',
    status: 403,
    by: SENIOR,
    make: fresh(35, SENIOR),
    detail: (id) =>
      `Action ${String(id)} was submitted by you or by an API key that you own or created; another person has to decide it`,
    context: { submitted_by: SENIOR },
    extensions: { submittedBy: String(SENIOR) },
    weighed: [1, 2, null],
    missing: 1,
  },
  {
    title: 'a security manager who sends a bulk of a risk level that is decided one by one',
    code: 'BULK_NOT_ALLOWED',
    status: 403,
    by: SECURITY,
    make: fresh(84),
    detail: (id) => `Action ${String(id)} is of high risk and has to be decided individually, not in bulk`,
    context: { risk_level: 'high' },
    extensions: { riskLevel: 'HIGH' },
    isOfBulk: true,
    weighed: [3, 3, null],
    beforehand: { allowed: true, code: null, detail: null, bulkAllowed: false },
    missing: 1,
  },
  {
    title: 'a manager who comes after the decision',
    code: 'INVALID_STATE',
    status: 400,
    by: SENIOR,
    make: (gateway) => addApproved(gateway, 39.5, ADMIN),
    detail: () => 'Action is not pending approval (current status: approved)',
    context: { current_status: 'approved', decided_by: ADMIN, decided_at: AT },
    extensions: { currentStatus: 'APPROVED', decidedBy: String(ADMIN), decidedAt: AT },
    weighed: [1, 2, null],
    missing: 0,
  },
  {
    title: 'a manager who comes after the policy decided',
    code: 'INVALID_STATE',
    status: 400,
    by: SENIOR,
    make: (gateway) => addDecidedByPolicy(gateway, 10),
    detail: () => 'Action is not pending approval (current status: approved)',
    context: { current_status: 'approved', decided_by: null, decided_at: AT },
    extensions: { currentStatus: 'APPROVED', decidedBy: null, decidedAt: AT },
    weighed: [1, 2, null],
    missing: 0,
  },
  {
    title: 'a security manager who comes after the time is over',
    code: 'INVALID_STATE',
    status: 400,
    by: SECURITY,
    make: (gateway) => addExpired(gateway, 50),
    detail: () => 'Action is not pending approval (current status: expired)',
    context: { current_status: 'expired', decided_by: null, decided_at: null },
    extensions: { currentStatus: 'EXPIRED', decidedBy: null, decidedAt: null },
    weighed: [2, 3, null],
    missing: 0,
  },
  {
    title: 'an admin who gives no reason for a critical one',
    code: 'REASON_REQUIRED',
    status: 422,
    by: ADMIN,
    make: fresh(85),
    detail: (id, verdict) =>
      `Action ${String(id)} is of critical risk: a reason is required to ${verdict} it`,
    context: { risk_level: 'critical' },
    extensions: { riskLevel: 'CRITICAL' },
    weighed: [4, 4, null],
    beforehand: { allowed: true, code: null, detail: null, reasonRequired: true },
    missing: 1,
  },
  {
    title: 'a security manager who has voted',
    code: 'ALREADY_VOTED',
    status: 400,
    by: SECURITY,
    make: (gateway) => addApproved(gateway, 69, SECURITY),
    detail: (id) => `You have already voted on action ${String(id)}`,
    context: { current_status: 'pending_approval', approvals_received: 1, approvals_required: 2 },
    extensions: { currentStatus: 'PENDING_APPROVAL', approvalsReceived: 1, approvalsRequired: 2 },
    weighed: [2, 3, null],
    missing: 1,
  },
];

/** Puts the policy in force and adds the people that the denied attempts need. */
export async function makeRefusals({ database }: Gateway): Promise<void> {
  await database.sql(newPolicy(STRICT_POLICY));
  await database.sql(
    `WITH added AS (
       INSERT INTO users (organization_id, id, name, role, approval_level, max_risk_score)
       VALUES (1, $1, 'Lou Low', 'manager', 0, NULL), (1, $2, 'Zoe Zero', 'manager', NULL, 0) RETURNING id
     )
     INSERT INTO user_identities (issuer, subject, organization_id, user_id)
     SELECT (SELECT min(issuer) FROM user_identities), 'user-' || id, 1, id FROM added`,
    [LEVEL_0, LIMIT_0],
  );
}

/** Adds an action that the policy approved when it was submitted. */
async function addDecidedByPolicy(gateway: Gateway, score: number): Promise<number> {
  const id = await addFresh(gateway, score);
  await gateway.database.sql(
    `UPDATE actions SET status = 'approved', version = 2, decided_by_kind = 'policy', decided_at = submitted_at,
       correlation_id = 'action_20260120_143500_0123456789abcdef' WHERE id = $1`,
    [id],
  );
  return id;
}
