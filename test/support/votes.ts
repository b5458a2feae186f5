import { decide } from './apis';
import type { Gateway } from './gateway';
import { changePolicy, policyOf } from './policies';
import { REVIEWERS } from './racing';
import { QUEUED_OR_SEALED } from './sealed-log';

/** A score of medium risk, the risk level whose quorum these tests set. */
export const MEDIUM = 50;

/** Hands out the reviewers of `startRace`, four at a time. */
export function fourAtATime(): () => readonly [ann: number, bob: number, cat: number, dan: number] {
  let next = 0;
  return () => {
    const [ann, bob, cat, dan] = REVIEWERS.slice(next, (next += 4));
    if (ann === undefined || bob === undefined || cat === undefined || dan === undefined)
      throw new Error('There are no more reviewers');
    return [ann, bob, cat, dan];
  };
}

const WHO = 'user { id role approvalLevel maxRiskScore active }';
const VOTE = `verdict reason policyVersion votedAt ${WHO}`;
const CAN = 'allowed code approvalsMissing votes { verdict user { id } }';

/** A vote, as the schema has it. */
export interface Vote {
  readonly verdict: 'APPROVE' | 'REJECT';
  readonly reason: string | null;
  readonly policyVersion: number;
  readonly votedAt: string;
  readonly user: { readonly id: string; readonly role: string; readonly active: boolean };
}

/** Whether the viewer may give a verdict, and who has. */
export interface Can {
  readonly allowed: boolean;
  readonly code: string | null;
  readonly approvalsMissing: number;
  readonly votes: readonly { readonly verdict: string; readonly user: { readonly id: string } }[];
}

/** What a viewer sees of the votes on an action. */
export interface Ballot {
  readonly status: string;
  readonly approvalsReceived: number;
  readonly approvalsRequired: number;
  readonly votes: readonly Vote[];
  readonly viewerCanApprove: Can;
  readonly viewerCanReject: Can;
}

/** The schema's fields of the votes on an action. */
export const BALLOT = `status approvalsReceived approvalsRequired votes { ${VOTE} }
  viewerCanApprove { ${CAN} } viewerCanReject { ${CAN} }`;

/** What a viewer sees of the votes on an action now. */
export async function ballotOf(gateway: Gateway, action: number, user: number): Promise<Ballot> {
  const query = `query ($id: ID!) { action(id: $id) { ${BALLOT} } }`;
  const { body } = await gateway.graphql(query, { user, variables: { id: action } });
  if (body.errors !== undefined) throw new Error(JSON.stringify(body.errors));
  return body.data.action;
}

/** A ballot in short: the counts, who voted how, and what the viewer reads about approving. */
export function inShort({ status, approvalsReceived, approvalsRequired, votes, viewerCanApprove }: Ballot) {
  return {
    status,
    counts: [approvalsReceived, approvalsRequired, viewerCanApprove.approvalsMissing],
    votes: votes.map(({ verdict, user }) => [verdict, Number(user.id)]),
    code: viewerCanApprove.code,
  };
}

/** Puts a quorum for medium risk in force in Acme, unless it is; returns the policy's version. */
export async function setQuorum(gateway: Gateway, medium: number): Promise<number> {
  const { version, quorum } = await policyOf(gateway, 1);
  if ((quorum as { medium: number }).medium === medium) return version;
  return (await changePolicy(gateway, { quorum: { medium } })).version;
}

/** A pending action of medium risk in Acme that these people have approved. */
export async function actionApprovedBy(gateway: Gateway, ...users: readonly number[]): Promise<number> {
  const [action = 0] = await gateway.addActions([MEDIUM]);
  for (const user of users) {
    const { code } = await decide(gateway, 'graphql', 'approve', action, { user });
    if (code !== null) throw new Error(`User ${String(user)} was refused: ${code}`);
  }
  return action;
}

/** The stored action of medium risk and its votes. */
interface Stored {
  readonly id: number;
  readonly status: string;
  readonly approvals: number;
  readonly version: number;
  readonly decided: Decided | null;
  readonly votes: readonly StoredVote[];
  readonly entries: readonly Entry[];
}

interface Decided {
  readonly by: number;
  readonly at: string;
  readonly reason: string | null;
  readonly correlation: string;
}

interface StoredVote {
  readonly user: number;
  readonly verdict: 'approve' | 'reject';
  readonly reason: string | null;
  readonly policy: number;
  readonly at: string;
}

interface Entry extends StoredVote {
  readonly type: string;
  readonly received: number;
  readonly required: number;
  /** The quorum of the policy that the entry names. */
  readonly quorum: number;
  readonly correlation: string;
  /** How often it waits for the sealer or is sealed, which a gateway of its own process does meanwhile. */
  readonly places: number;
}

/**
 * Checks what is stored of actions of medium risk, which has to hold whatever happened at the same moment: each entry
 * is a vote and each vote an entry; the approvals are counted 1, 2, 3 in the order of the entries; the first that meets
 * the quorum of the policy that it names, or the first rejection, is the last and decides.
 */
export async function expectSoundVotes(
  { database }: Gateway,
  ids: readonly number[],
): Promise<readonly Stored[]> {
  const actions = await database.sql<Stored & Record<string, unknown>>(STORED, [ids]);
  expect(actions.map(({ id }) => id)).toEqual([...ids].sort((a, b) => a - b));
  for (const { id, status, approvals, version, decided, votes, entries } of actions) {
    const byUser = (a: StoredVote, b: StoredVote): number => a.user - b.user;
    const told = entries.map(({ user, verdict, reason, policy, at }) => ({
      user,
      verdict,
      reason,
      policy,
      at,
    }));
    expect({ id, votes: told.sort(byUser) }).toEqual({ id, votes: [...votes].sort(byUser) });
    expect({ id, approvals }).toEqual({
      id,
      approvals: new Set(votes.filter(({ verdict }) => verdict === 'approve').map(({ user }) => user)).size,
    });

    // A confirmation of an action with enough approvals is not counted again.
    const approvers = new Set<number>();
    for (const [index, entry] of entries.entries()) {
      if (entry.verdict === 'approve') approvers.add(entry.user);
      const received = approvers.size;
      const isMet = entry.verdict === 'reject' || received >= entry.quorum;
      const effect = entry.verdict === 'reject' ? 'action_denied' : 'action_approved';
      const type = isMet ? effect : 'vote_recorded';
      expect({ id, ...entry }).toMatchObject({ id, type, received, required: entry.quorum, places: 1 });
      expect({ id, isLast: index === entries.length - 1 || !isMet }).toEqual({ id, isLast: true });
    }

    const times = entries.map(({ at }) => Date.parse(at));
    expect({ id, times: [...times].sort((a, b) => a - b) }).toEqual({ id, times });

    // A vote alone changes nothing that another voter's authorization depends on.
    expect({ id, version }).toEqual({ id, version: decided === null ? 1 : 2 });

    const last = entries.at(-1);
    if (last === undefined || last.type === 'vote_recorded')
      expect({ id, status, decided }).toEqual({ id, status: 'pending_approval', decided: null });
    else {
      const { user: by, at, reason, correlation } = last;
      expect({ id, type: `action_${status}`, decided }).toEqual({
        id,
        type: last.type,
        decided: { by, at, reason, correlation },
      });
    }
  }
  return actions;
}

const STORED = `
  SELECT a.id, a.status, a.approvals, a.version,
    CASE WHEN a.decided_by IS NOT NULL THEN json_build_object('by', a.decided_by, 'at', a.decided_at,
      'reason', a.reason, 'correlation', a.correlation_id) END AS decided,
    (SELECT coalesce(json_agg(json_build_object('user', user_id, 'verdict', verdict, 'reason', reason,
       'policy', policy_version, 'at', voted_at)), '[]') FROM votes v WHERE v.action_id = a.id) AS votes,
    (SELECT coalesce(json_agg(json_build_object('user', actor_id, 'verdict', verdict, 'reason', l.reason,
       'policy', policy_version, 'at', timestamp, 'type', action_type, 'received', approvals_received,
       'required', approvals_required, 'correlation', correlation_id,
       'quorum', coalesce((p.document #>> '{quorum,medium}')::integer, 1),
       'places', (SELECT count(*) FROM (${QUEUED_OR_SEALED}) s WHERE s.audit_id = l.id)) ORDER BY l.id), '[]')
     FROM audit_log l JOIN approval_policies p ON p.organization_id = l.organization_id AND p.version = l.policy_version
     WHERE l.action_id = a.id AND l.action_type <> 'decision_refused') AS entries
  FROM actions a WHERE a.id = ANY ($1) ORDER BY a.id`;
