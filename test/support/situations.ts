import { decide } from './apis';
import type { Gateway } from './gateway';

/** People of Acme (docs/getting-started.md#demo-data). */
export const [ADMIN, SECURITY, JUNIOR, ANALYST, LIMITED, SENIOR] = [1, 2, 3, 4, 5, 42] as const;
/** An unknown id, and one of another organization. */
export const UNKNOWN = 8_000_000_000;
export const OF_GLOBEX = 22345;

/** A policy under which a reviewer of Acme can get every refusal. */
export const STRICT_POLICY = {
  approvalLevels: true,
  quorum: { medium: 2 },
  excludedFromBulk: ['high'],
  reasonRequired: { approve: ['critical'], reject: ['critical'] },
};

/** Adds a new pending action of Acme. */
export async function addFresh(
  gateway: Gateway,
  score: number,
  submitter: number = ANALYST,
): Promise<number> {
  const [id = 0] = await gateway.addActions([score], { submitter });
  return id;
}

/** Adds an action that this person has approved: decided, or voted on where that was not enough. */
export async function addApproved(gateway: Gateway, score: number, user: number): Promise<number> {
  const id = await addFresh(gateway, score);
  await decide(gateway, 'rest', 'approve', id, { user });
  return id;
}

/** Adds an action that expired an hour ago, and which the sweep has marked. */
export async function addExpired(gateway: Gateway, score: number): Promise<number> {
  const id = await addFresh(gateway, score);
  await gateway.database.sql(
    `UPDATE actions SET status = 'expired', version = 2, submitted_at = now() - interval '2 hours',
       expires_at = now() - interval '1 hour', updated_at = now() - interval '1 hour' WHERE id = $1`,
    [id],
  );
  return id;
}

/** An action that a bulk of this person is refused. */
export interface RefusedAction {
  readonly what: string;
  readonly code: string;
  readonly status: number;
  readonly user: number;
  readonly make: (gateway: Gateway) => Promise<number>;
}

/** Every way in which one item of a bulk can be refused, under the strict policy. */
// prettier-ignore
export const REFUSED_ACTIONS: readonly RefusedAction[] = [
  { what: 'unknown', code: 'ACTION_NOT_FOUND', status: 404, user: SENIOR, make: () => Promise.resolve(UNKNOWN) },
  { what: "another organization's", code: 'ACTION_NOT_FOUND', status: 404, user: SENIOR, make: () => Promise.resolve(OF_GLOBEX) },
  { what: 'above their level', code: 'APPROVAL_LEVEL_REQUIRED', status: 403, user: JUNIOR, make: (at) => addFresh(at, 40) },
  { what: 'above their limit', code: 'RISK_LIMIT_EXCEEDED', status: 403, user: LIMITED, make: (at) => addFresh(at, 30.5) },
  { what: 'their own', code: 'SELF_APPROVAL_FORBIDDEN', status: 403, user: SENIOR, make: (at) => addFresh(at, 10, SENIOR) },
  { what: 'of a risk level kept out of bulks', code: 'BULK_NOT_ALLOWED', status: 403, user: SECURITY, make: (at) => addFresh(at, 70) },
  { what: 'decided', code: 'INVALID_STATE', status: 400, user: SENIOR, make: (at) => addApproved(at, 10, ADMIN) },
  { what: 'expired', code: 'INVALID_STATE', status: 400, user: SENIOR, make: (at) => addExpired(at, 10) },
  { what: 'in need of a reason', code: 'REASON_REQUIRED', status: 422, user: ADMIN, make: (at) => addFresh(at, 85) },
  { what: 'voted on already', code: 'ALREADY_VOTED', status: 400, user: SENIOR, make: (at) => addApproved(at, 50, SENIOR) },
];
