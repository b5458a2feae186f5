import { ACME, isRefused, type Caller } from './authorization-cells';
import type { Entry, Targets } from './authorization-requests';
import type { Gateway, RequestOptions } from './gateway';
import { addPeople } from './people';

/** People that the demo data lacks, by their ids. */
export interface People {
  /** A deactivated admin. */
  readonly gone: number;
  /** A person of Acme to be changed. */
  readonly other: number;
}

/** Submits the demo data, so that no deciding caller owns an action of it. */
const ANALYST = 4;

export async function addPeopleFor(gateway: Gateway): Promise<People> {
  const [gone = 0, other = 0] = await addPeople(gateway, ['Gone', 'Other'], { role: 'admin' });
  await gateway.database.sql('UPDATE users SET active = false WHERE id = $1', [gone]);
  return { gone, other };
}

/** A caller's credential, and who the audit log says that it is. */
export async function arrivalOf(
  gateway: Gateway,
  caller: Caller,
  people: People,
): Promise<{ credential: RequestOptions; by: Omit<Entry, 'type'> }> {
  const { organization, user, scopes, isBearer } = caller;
  if (scopes !== undefined) {
    const { key, id } = await newKey(gateway, caller, people);
    const bearer = { headers: { authorization: `Bearer ${key}` } };
    const credential = isBearer === true ? bearer : { apiKey: key };
    return { credential, by: { organization, kind: 'api_key', actor: id } };
  }
  const id = userOf(caller, people);
  const none = isRefused(caller) ? { headers: { authorization: 'Bearer a.b.c' } } : {};
  return {
    credential: user === undefined ? none : { user: id },
    by: { organization, kind: 'user', actor: id },
  };
}

/**
 * What a caller's requests are about besides actions: all of it Acme's, except the version in force.
 * @param turn
 * another number for each caller, so that a change would be one
 */
export async function targetsFor(
  gateway: Gateway,
  caller: Caller,
  people: People,
  turn: number,
): Promise<Targets & { readonly user: number }> {
  const [found] = await gateway.database.sql<{ entry: number; version: number }>(
    `SELECT (SELECT min(id) FROM audit_log WHERE organization_id = $1) AS entry,
       (SELECT policy_version FROM organizations WHERE id = $2) AS version`,
    [ACME, caller.organization],
  );
  if (found === undefined) throw new Error('There is no such organization');
  const { id: key } = await newKey(gateway, { title: 'of Acme', organization: ACME, user: 1 }, people);
  const user = caller.organization === ACME ? userOf(caller, people) : ANALYST;
  return { ...found, key, other: people.other, turn, user };
}

function userOf({ user = ANALYST }: Caller, { gone }: People): number {
  return user === 'gone' ? gone : user;
}

async function newKey(
  gateway: Gateway,
  caller: Caller,
  people: People,
): Promise<{ readonly key: string; readonly id: number }> {
  const { organization, scopes = [], sql = 'name = name' } = caller;
  const key = await gateway.apiKey({ organization, owner: userOf(caller, people), scopes: [...scopes] });
  const [row] = await gateway.database.sql<{ id: number }>(
    `UPDATE api_keys SET ${sql} WHERE id = (SELECT max(id) FROM api_keys) RETURNING id`,
  );
  if (row === undefined) throw new Error('The key was not made');
  return { key, id: row.id };
}
