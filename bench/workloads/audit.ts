import {
  CHAIN_HEAD_TABLE,
  decisionCalls,
  withHashChain,
  withoutAudit,
  type DecisionCalls,
} from '../decision-statement';
import { untilSealed } from '../gateway';
import type { Bench, Workload } from '../measured';
import { inTurn, ratesOf, sideOf, type Round } from '../rounds';
import { medianRatio } from '../statistics';
import { checkApproved, type World } from '../world';

/** How many decide at once, all in one organization. */
const DECIDERS = 32;

/** The decision's statement in turn as it is, with a hash chain under a row lock instead, and without audit. */
export const audit: Workload = async (bench) => {
  await makeChainHead(bench.world);
  const { sealed, chained, unaudited } = await inTurn(bench, {
    sealed: () => decideAll(bench, (calls) => calls),
    chained: () => decideAll(bench, withHashChain),
    unaudited: () => decideAll(bench, withoutAudit),
  });
  return [
    {
      title: `decision statement, ${String(DECIDERS)} deciders in one organization`,
      ours: sideOf(sealed),
      floor: sideOf(chained),
      floorName: 'with a hash chain under a row lock',
      value: medianRatio(ratesOf(sealed), ratesOf(chained)),
      unit: 'ratio',
      reach: { atLeast: 2.5 },
    },
    {
      title: `cost of audit in the decision statement, ${String(DECIDERS)} deciders`,
      ours: sideOf(sealed),
      floor: sideOf(unaudited),
      floorName: 'without audit',
      value: 100 * (medianRatio(ratesOf(unaudited), ratesOf(sealed)) - 1),
      unit: '%',
      reach: { atMost: 20 },
    },
  ];
};

async function decideAll(
  { world, loop, options }: Bench,
  inForm: (calls: DecisionCalls) => DecisionCalls,
): Promise<Round> {
  const warmUp = 4 * DECIDERS;
  const ids = await world.addPending(warmUp + (options.isQuick ? 300 : 4_000));
  const { statement, calls } = inForm(await decisionCalls(world, ids));
  const { seconds, latencies } = await loop.run({
    kind: 'statement',
    url: world.applicationUrl,
    callers: DECIDERS,
    warmUp,
    statement,
    calls,
  });
  await checkApproved(world, ids);
  await untilSealed(world);
  return { count: latencies.length, seconds, latencies };
}

async function makeChainHead({ superuser, organizationId }: World): Promise<void> {
  await superuser.query(`
    CREATE TABLE IF NOT EXISTS ${CHAIN_HEAD_TABLE} (organization_id bigint PRIMARY KEY, hash bytea NOT NULL);
    INSERT INTO ${CHAIN_HEAD_TABLE} VALUES (${String(organizationId)}, sha256('')) ON CONFLICT DO NOTHING;
    GRANT SELECT, UPDATE ON ${CHAIN_HEAD_TABLE} TO PUBLIC`);
}
