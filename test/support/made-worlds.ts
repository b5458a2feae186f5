import { mayDecide, type Attempt, type DecidableAction, type Ruling } from '../../src/domain/approval-policy';
import type { ApprovalPolicy } from '../../src/domain/policy';
import type { Principal } from '../../src/domain/principal';
import type { Gateway, RequestOptions } from './gateway';
import { OTHERS, PEOPLE, STATES, type GivenAction, type State, type World } from './worlds';

/** A generated world as it is in the database. */
export interface MadeWorld {
  readonly policy: ApprovalPolicy;
  readonly people: readonly MadePerson[];
  readonly actions: readonly MadeAction[];
}

export interface MadePerson {
  readonly id: number;
  readonly active: boolean;
  readonly principal: Principal;
  /** The credentials of each of their requests. */
  readonly credential: Pick<RequestOptions, 'user' | 'apiKey'>;
}

/** An action with its effective status. */
export interface MadeAction extends Omit<DecidableAction, 'hasVoted'> {
  readonly minute: number;
  /** The ids of the voters, in the order in which votes are listed. */
  readonly voters: readonly number[];
}

/** What the rule says: every API has to answer the same. */
export function rulingOn(
  { policy }: MadeWorld,
  { id, principal }: MadePerson,
  { voters, ...action }: MadeAction,
  attempt: Attempt,
): Ruling {
  return mayDecide(principal, { ...action, hasVoted: voters.includes(id) }, attempt, policy);
}

/** How many there are in this test file's database. */
let worlds = 0;

/** Puts a world into an organization of its own, under ids that no sequence reaches. */
export async function makeWorld(gateway: Gateway, world: World): Promise<MadeWorld> {
  worlds += 1;
  const organizationId = 1000 + worlds;
  const firstUser = 100_000 + 10 * worlds;
  const firstAction = 1_000_000 + 1000 * worlds;
  const policy: ApprovalPolicy = { version: 2, ...world.policy };
  const others = Array.from({ length: OTHERS }, () => OTHER);
  const users = [...world.people, ...others].map((person, place) => ({ ...person, id: firstUser + place }));
  const actions = world.actions.map((given, place) => madeAction(given, firstAction + place, firstUser));
  await gateway.database.sql(MAKE_WORLD, [
    organizationId,
    JSON.stringify(world.policy),
    JSON.stringify(users),
    JSON.stringify(
      actions.map((action, place) => ({ ...STATES[world.actions[place]?.state ?? 'pending'], ...action })),
    ),
    DECIDED_AT,
  ]);
  const people: MadePerson[] = [];
  for (const user of users.slice(0, PEOPLE)) {
    const { id, active, hasKey } = user;
    // The key of a deactivated owner is invalid: the tests are about what a valid key may do.
    if (active && hasKey) {
      const apiKey = await gateway.apiKey({ organization: organizationId, owner: id });
      const agent = { kind: 'api_key', apiKeyId: 1, name: 'test key', scopes: [] } as const;
      const holders = { ownerId: id, createdById: null };
      people.push({
        id,
        active,
        principal: { ...agent, ...holders, organizationId, policy },
        credential: { apiKey },
      });
    } else {
      const principal = {
        kind: 'user',
        user: { ...user, organizationId, name: 'Person', version: 1 },
      } as const;
      people.push({
        id,
        active,
        principal: { ...principal, organizationId, policy },
        credential: { user: id },
      });
    }
  }
  return { policy, people, actions };
}

const DECIDED_AT = new Date('2026-01-20T14:35:00.123Z');
const OTHER = { role: 'user', approvalLevel: null, maxRiskScore: null, active: true, hasKey: false } as const;

function madeAction(given: GivenAction, id: number, firstUser: number): MadeAction {
  const { score: riskScore, state, submittedBy, keyMadeBy, votedBy, othersApproved, minute } = given;
  const { effective: status, decidedByKind }: State = STATES[state];
  const lastOther = firstUser + PEOPLE + OTHERS - 1;
  const approvers = [...votedBy, ...Array.from({ length: othersApproved }, (_, other) => PEOPLE + other)];
  const votes = decidedByKind === 'policy' ? [] : approvers.map((place) => firstUser + place);
  if (decidedByKind === 'user' && votedBy.length === 0) votes.unshift(lastOther);
  const [decidedById = null] = decidedByKind === 'user' ? votes : [];
  return {
    id,
    riskScore,
    status,
    approvals: state === 'denied' ? votes.length - 1 : votes.length,
    submittedById: submittedBy === null ? lastOther : firstUser + submittedBy,
    apiKeyCreatedById: keyMadeBy === null ? null : firstUser + keyMadeBy,
    decidedById,
    decidedAt: decidedByKind === undefined ? null : DECIDED_AT,
    minute,
    // In their listed order: by when they were given, here all at once, and then by voter.
    voters: votes.sort((one, other) => one - other),
  };
}

/** $1 organization, $2 its policy, $3 users, $4 actions with their voters, $5 when the decided ones were decided. */
const MAKE_WORLD = `
WITH organization AS (
    INSERT INTO organizations (id, name, policy_version) VALUES ($1::bigint, 'World', 2)
  ),
  policy AS (
    INSERT INTO approval_policies (organization_id, version, document)
    VALUES ($1::bigint, 1, '{}'::jsonb), ($1::bigint, 2, $2::jsonb)
  ),
  person AS (
    INSERT INTO users (organization_id, id, name, role, approval_level, max_risk_score, active)
    SELECT $1::bigint, id, 'Person', role, "approvalLevel", "maxRiskScore", active
    FROM json_to_recordset($3::json)
      AS u(id bigint, role text, "approvalLevel" smallint, "maxRiskScore" double precision, active boolean)
  ),
  identity AS (
    INSERT INTO user_identities (issuer, subject, organization_id, user_id)
    SELECT (SELECT min(issuer) FROM user_identities), 'user-' || id, $1::bigint, id
    FROM json_to_recordset($3::json) AS u(id bigint)
  ),
  given AS (
    SELECT *, date_trunc('milliseconds', now()) AS at FROM json_to_recordset($4::json)
      AS a(id bigint, "riskScore" double precision, stored text, "expiresIn" interval, "decidedByKind" text,
        approvals integer, "submittedById" bigint, "apiKeyCreatedById" bigint, "decidedById" bigint, minute integer, voters bigint[])
  ),
  action AS (
    INSERT INTO actions (organization_id, id, agent_id, action_type, risk_score, status, approvals, submitted_by,
      api_key_created_by, submitted_at, expires_at, decided_by_kind, decided_by, decided_at, correlation_id)
    SELECT $1::bigint, id, 'agent', 'test', "riskScore", stored, approvals, "submittedById", "apiKeyCreatedById",
      at - interval '1 day' + minute * interval '1 minute', at + "expiresIn", "decidedByKind", "decidedById",
      CASE WHEN "decidedByKind" IS NOT NULL THEN $5::timestamptz END,
      CASE WHEN "decidedByKind" IS NOT NULL THEN 'action_20260120_143500_0123456789abcdef' END
    FROM given
  )
INSERT INTO votes (organization_id, action_id, user_id, verdict, policy_version, voted_at)
SELECT $1::bigint, given.id, voter, CASE WHEN stored = 'denied' AND voter = "decidedById" THEN 'reject' ELSE 'approve' END, 1, at
FROM given, unnest(voters) AS voter`;
