import type { PeopleAlike } from '../../domain/policy-warnings';
import type { SubmissionStore } from '../../use-cases/submissions/submission-store';
import type { Sql } from '../sql/sql';
import { statement } from '../sql/statement';

/** The request for an action id and for who else could decide. */
export interface Preparation {
  readonly organizationId: number;
  /** Ids of users to leave out. */
  readonly submitters: readonly number[];
}

export type Prepared = Awaited<ReturnType<SubmissionStore['prepare']>>;

/**
 * Draws ids first, since the audit entries contain them. $1 organization, $2 number of ids, $3 users that a submission
 * leaves out, $4 and $5 for `next_fenced_id`.
 */
const PREPARE = statement({
  name: 'prepare_submission',
  fenced: 'action',
  text: `SELECT
    to_json(ARRAY(SELECT next_fenced_id('action_id_seq', $4, $5) FROM generate_series(1, $2::integer))) AS ids,
    coalesce((SELECT json_agg(alike) FROM (
      SELECT role, approval_level AS "approvalLevel", max_risk_score AS "maxRiskScore", count(*) AS count
      FROM users WHERE organization_id = $1 AND active AND role <> 'user'
      GROUP BY role, approval_level, max_risk_score) AS alike), '[]') AS people,
    coalesce((SELECT json_agg(one) FROM (
      SELECT id, role, approval_level AS "approvalLevel", max_risk_score AS "maxRiskScore"
      FROM users WHERE organization_id = $1 AND active AND role <> 'user' AND id = ANY($3::bigint[])) AS one), '[]') AS submitters`,
});

interface PrepareRow {
  readonly ids: readonly number[];
  readonly people: readonly PeopleAlike[];
  readonly submitters: readonly (Omit<PeopleAlike, 'count'> & { readonly id: number })[];
}

/**
 * Draws an action id for each submission and counts who else could decide it, in one statement.
 * @param asked one or more, all of one organization
 */
export async function prepare(sql: Sql, asked: readonly Preparation[]): Promise<Prepared[]> {
  const [row] = await sql.query<PrepareRow & Record<string, unknown>>(PREPARE, [
    asked[0]?.organizationId,
    asked.length,
    [...new Set(asked.flatMap(({ submitters }) => submitters))],
  ]);
  return asked.map(({ submitters }, index) => {
    const id = row?.ids[index];
    if (row === undefined || id === undefined) throw new Error('The sequence gave no id');
    return { id, others: othersThan(submitters, row) };
  });
}

/** Returns the people without these submitters. */
function othersThan(ids: readonly number[], { people, submitters }: PrepareRow): readonly PeopleAlike[] {
  const leftOut = submitters.filter(({ id }) => ids.includes(id));
  if (leftOut.length === 0) return people;
  return people.flatMap((alike) => {
    const count = alike.count - leftOut.filter((one) => isAlike(one, alike)).length;
    return count === 0 ? [] : [{ ...alike, count }];
  });
}

function isAlike(one: Omit<PeopleAlike, 'count'>, other: Omit<PeopleAlike, 'count'>): boolean {
  return (
    one.role === other.role &&
    one.approvalLevel === other.approvalLevel &&
    one.maxRiskScore === other.maxRiskScore
  );
}
