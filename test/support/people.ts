import { outcomeOf, type Outcome } from './apis';
import type { Answer, Gateway, RequestOptions } from './gateway';

/** The schema's fields of a person. */
export const PERSON = 'id name role approvalLevel maxRiskScore active';

/** What to change of a person, as GraphQL's variables have it. */
export type Patch = Readonly<Record<string, unknown>>;

/** Changes a person over GraphQL, the only API for it; `by` is the user whose token is sent. */
export function setUser(
  gateway: Gateway,
  by: number | RequestOptions,
  userId: unknown,
  patch: Patch,
  reason?: unknown,
): Promise<Answer> {
  const query = `mutation ($userId: ID!, $patch: UserPatch!, $reason: String) {
    setUser(userId: $userId, patch: $patch, reason: $reason) { ${PERSON} } }`;
  const caller = typeof by === 'number' ? { user: by } : by;
  return gateway.graphql(query, { ...caller, variables: { userId, patch, reason } });
}

/** The same, and the outcome. */
export async function trySetUser(...asked: Parameters<typeof setUser>): Promise<Outcome> {
  return outcomeOf(await setUser(...asked));
}

/** Changes people for a test that is about something else. @throws {Error} where that is refused */
export async function setUsers(
  gateway: Gateway,
  admin: number,
  ids: readonly number[],
  patch: Patch,
): Promise<void> {
  for (const id of ids) {
    const { code, detail } = await trySetUser(gateway, admin, id, patch);
    if (code !== null) throw new Error(`User ${String(id)} was not set: ${code} ${detail ?? ''}`);
  }
}

/** Adds people with a token each to an organization; their ids. */
export async function addPeople(
  { database }: Gateway,
  names: readonly string[],
  { role = 'manager', level = null as number | null, organization = 1 } = {},
): Promise<number[]> {
  const added = await database.sql<{ id: number }>(
    `WITH added AS (
       INSERT INTO users (organization_id, name, role, approval_level)
       SELECT $1, name, $2, $3 FROM unnest($4::text[]) WITH ORDINALITY AS n(name, position) ORDER BY position
       RETURNING organization_id, id
     ),
     known AS (
       INSERT INTO user_identities (issuer, subject, organization_id, user_id)
       SELECT (SELECT min(issuer) FROM user_identities), 'user-' || id, organization_id, id FROM added
     )
     SELECT id FROM added ORDER BY id`,
    [organization, role, level, names],
  );
  return added.map(({ id }) => id);
}

/** A person as they are stored. */
export async function storedUser({ database }: Gateway, id: number): Promise<Record<string, unknown>> {
  const [row] = await database.sql(
    'SELECT role, approval_level, max_risk_score, active, version FROM users WHERE id = $1',
    [id],
  );
  if (row === undefined) throw new Error(`There is no user ${String(id)}`);
  return row;
}

/** The audit entries about changes of a person, oldest first: who did it, why, and what. */
export async function changesOf(
  { database }: Gateway,
  id: number,
): Promise<{ by: number; reason: string | null; data: any }[]> {
  return database.sql(
    `SELECT actor_id AS by, reason, data FROM audit_log
     WHERE action_type = 'user_changed' AND data ->> 'user_id' = $1 ORDER BY id`,
    [String(id)],
  );
}

/** How much a change of a person has written so far: people, audit entries, the sealer's queue. */
export async function writtenOfPeople({ database }: Gateway): Promise<unknown> {
  const [row] = await database.sql(
    `SELECT (SELECT sum(version) FROM users) AS versions, (SELECT count(*) FROM audit_log) AS entries,
       (SELECT count(*) FROM audit_pending) AS queued`,
  );
  return row;
}
