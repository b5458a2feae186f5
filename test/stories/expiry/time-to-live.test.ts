import { effectiveStatusSql, isOverdueSql } from '../../../src/persistence/actions/expiry';
import { seedActions } from '../../../src/persistence/install/seed';
import { startGateway, type Gateway } from '../../support/gateway';
import { idsOf, walkForward, type PageAnswer } from '../../support/pages';
import { changePolicy } from '../../support/policies';

/**
 * How long an action has, by the policy that it was submitted under (docs/approval-policy.md#expiry), and what the
 * database enforces.
 */
let gateway: Gateway;

const [ADMIN, GLOBEX_ADMIN] = [1, 101];

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

/** 101 actions of an organization, one of each whole score, as an admin reads them. */
async function submit(organization: number, user: number): Promise<PageAnswer[]> {
  const added = await seedActions(gateway.database.owner, organization, 101);
  const pages = await read(user);
  const own = pages.map((page) => ({
    ...page,
    edges: page.edges.filter(({ node }) => Number(node['id']) >= (added?.first ?? 0)),
  }));
  expect(idsOf(...own)).toHaveLength(101);
  return own;
}

function read(user: number): Promise<PageAnswer[]> {
  const args = 'filter: { search: "Seeded action" }';
  return walkForward(gateway, { field: 'actions', args, node: 'riskScore submittedAt expiresAt', user }, 100);
}

/** The seconds of each action from its submission to its expiry, by score; null for no expiry. */
function secondsByScore(pages: readonly PageAnswer[]): Map<unknown, number | null> {
  const nodes = pages.flatMap(({ edges }) => edges.map(({ node }) => node));
  const time = (text: unknown): number => Date.parse(text as string);
  return new Map(
    nodes.map(({ riskScore, submittedAt, expiresAt }) => {
      const seconds = expiresAt === null ? null : (time(expiresAt) - time(submittedAt)) / 1000;
      return [riskScore, seconds];
    }),
  );
}

/** The same by the document's risk levels: 0-39, 40-69, 70-84, 85-100. */
function byRiskLevel(
  low: number | null,
  medium: number | null,
  high: number | null,
  critical: number | null,
): Map<unknown, number | null> {
  const riskLevel = (score: number) =>
    score < 40 ? low : score < 70 ? medium : score < 85 ? high : critical;
  return new Map(Array.from({ length: 101 }, (_, score) => [score, riskLevel(score)]));
}

it('an action has the time to live that the policy gives its risk level, and no end where it gives none', async () => {
  expect(secondsByScore(await submit(1, ADMIN))).toEqual(byRiskLevel(null, null, null, null));
  await changePolicy(gateway, { timeToLiveSeconds: { low: 60, medium: 3_600, critical: 31_536_000 } });
  expect(secondsByScore(await submit(1, ADMIN))).toEqual(byRiskLevel(60, 3_600, null, 31_536_000));
  expect(secondsByScore(await submit(2, GLOBEX_ADMIN))).toEqual(byRiskLevel(null, null, null, null));
});

it('a later change of the policy applies to what is submitted from then on, and moves no earlier expiry', async () => {
  const patch = { low: 600, medium: null, high: 7_200, critical: null };
  await changePolicy(gateway, { timeToLiveSeconds: patch });
  const before = await submit(1, ADMIN);
  await changePolicy(gateway, { timeToLiveSeconds: { low: null, medium: 61, high: 60 } });
  const after = await submit(1, ADMIN);
  expect(secondsByScore(before)).toEqual(byRiskLevel(600, null, 7_200, null));
  expect(secondsByScore(after)).toEqual(byRiskLevel(null, 61, 60, null));
  const old = new Set(idsOf(...before));
  const now = (await read(ADMIN)).flatMap(({ edges }) => edges.map(({ node }) => node));
  expect(now.filter(({ id }) => old.has(Number(id)))).toEqual(
    before.flatMap(({ edges }) => edges.map(({ node }) => node)),
  );
});

describe('the database', () => {
  it.each([
    ['before it was submitted', `submitted_at - interval '1 millisecond'`, 'actions_expire_after_submission'],
    ['when it was submitted', 'submitted_at', 'actions_expire_after_submission'],
  ])('refuses an action that expires %s', async (_when, expiresAt, constraint) => {
    const [action = 0] = await gateway.addActions([35]);
    const moved = `UPDATE actions SET expires_at = ${expiresAt} WHERE id = $1`;
    await expect(gateway.database.sql(moved, [action])).rejects.toMatchObject({ constraint });
    const [row] = await gateway.database.sql('SELECT expires_at FROM actions WHERE id = $1', [action]);
    expect(row).toEqual({ expires_at: null });
  });

  it('refuses an expired action that never had an end', async () => {
    const [action = 0] = await gateway.addActions([35]);
    const expired = `UPDATE actions SET status = 'expired' WHERE id = $1`;
    await expect(gateway.database.sql(expired, [action])).rejects.toMatchObject({
      constraint: 'actions_expired_at_a_time',
    });
  });

  it("lets no gateway move an action's end", async () => {
    const text = `UPDATE actions SET expires_at = now() + interval '1 hour'`;
    const moved = gateway.database.application.query({ name: 'move', text }, []);
    await expect(moved).rejects.toMatchObject({ code: '42501' });
  });

  const AT = `'2026-01-20T14:35:00.500Z'::timestamptz`;

  it.each([
    ['pending_approval', null, 'pending_approval'],
    ['pending_approval', '2026-01-20T14:35:00.501Z', 'pending_approval'],
    ['pending_approval', '2026-01-20T14:35:00.500Z', 'expired'],
    ['pending_approval', '2026-01-20T14:35:00.499Z', 'expired'],
    ['approved', '2026-01-20T14:35:00.499Z', 'approved'],
    ['approved', null, 'approved'],
    ['denied', '2026-01-20T14:35:00.499Z', 'denied'],
    ['denied', null, 'denied'],
    ['expired', '2026-01-20T14:35:00.499Z', 'expired'],
  ])('accepts %s that expires at %s for %s at 14:35:00.500', async (status, expiresAt, effective) => {
    const [row] = await gateway.database.sql(
      `SELECT ${effectiveStatusSql('a', AT)} AS effective, ${isOverdueSql('a', AT)} AS overdue
       FROM (SELECT $1::text AS status, $2::timestamptz(3) AS expires_at) a`,
      [status, expiresAt],
    );
    expect(row).toEqual({ effective, overdue: status === 'pending_approval' && effective === 'expired' });
  });
});
