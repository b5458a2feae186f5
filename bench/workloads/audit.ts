import {
  CHAIN_HEAD_TABLE,
  decisionCalls,
  withHashChain,
  withoutAudit,
  type DecisionCalls,
} from '../decision-statement';
import { startGateway } from '../gateway';
import type { Bench, Measured, Workload } from '../measured';
import { inTurn, metered, processorRatio, ratesOf, sideOf, type Round } from '../rounds';
import { medianRatio } from '../statistics';
import { checkApproved, type World } from '../world';
import { approve, compile, REST } from './approve';

/** How many callers decide at once, all in one organization. */
const DECIDERS = 32;

/** Measures the decision statement as it is, with a hash chain under a row lock instead, and without audit, in turn. */
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
      processorRatio: processorRatio(sealed, chained),
      value: medianRatio(ratesOf(sealed), ratesOf(chained)),
      unit: 'ratio',
      reach: { atLeast: 2.5 },
    },
    {
      title: `cost of audit in the decision statement, ${String(DECIDERS)} deciders`,
      ours: sideOf(sealed),
      floor: sideOf(unaudited),
      floorName: 'without audit',
      processorRatio: processorRatio(sealed, unaudited),
      value: costOf(sealed, unaudited),
      unit: '%',
      reach: null,
    },
    await costOverRest(bench),
  ];
};

/** Measures the same cost over REST: a gateway that batches concurrent decisions, and one without audit. */
async function costOverRest(bench: Bench): Promise<Measured> {
  const { world, closables } = bench;
  const gateway = await startGateway(world, closables, 'bench/unaudited-gateway.worker.ts');
  const without = { ...bench, gateway };
  for (const one of [bench, without]) await compile(one, REST);
  await checkUnaudited(without);
  const count = bench.options.isQuick ? 256 : 6_000;
  const { audited, unaudited } = await inTurn(bench, {
    audited: () => approve(bench, REST, DECIDERS, count),
    unaudited: () => approve(without, REST, DECIDERS, count),
  });
  return {
    title: `cost of audit in decisions over REST, ${String(DECIDERS)} deciders`,
    ours: sideOf(audited),
    floor: sideOf(unaudited),
    floorName: 'a gateway without audit',
    processorRatio: processorRatio(audited, unaudited),
    value: costOf(audited, unaudited),
    unit: '%',
    reach: null,
  };
}

/** @throws {Error} unless decisions of this gateway leave no audit entry */
async function checkUnaudited(bench: Bench): Promise<void> {
  const newest = async (): Promise<unknown> => {
    const { rows } = await bench.world.superuser.query('SELECT max(id) AS id FROM audit_log');
    return (rows as { id: unknown }[])[0]?.id;
  };
  const before = await newest();
  await approve(bench, REST, 1, 1);
  if ((await newest()) !== before) throw new Error('The gateway without audit wrote an audit entry');
}

/** Returns how much longer a decision takes with audit than without, in per cent. */
function costOf(audited: readonly Round[], unaudited: readonly Round[]): number {
  return 100 * (medianRatio(ratesOf(unaudited), ratesOf(audited)) - 1);
}

async function decideAll(
  { world, gateway, loop, options }: Bench,
  inForm: (calls: DecisionCalls) => DecisionCalls,
): Promise<Round> {
  const warmUp = 4 * DECIDERS;
  const ids = await world.addPending(warmUp + (options.isQuick ? 300 : 4_000));
  const { statement, calls } = inForm(await decisionCalls(world, ids));
  const job = {
    kind: 'statement',
    url: world.applicationUrl,
    callers: DECIDERS,
    warmUp,
    statement,
    calls,
  } as const;
  // The gateway seals what the loop decides.
  const round = await metered(world, [loop.pid, gateway.pid], (onWarm) => loop.run(job, onWarm));
  await checkApproved(world, ids);
  return round;
}

async function makeChainHead({ superuser, organizationId }: World): Promise<void> {
  await superuser.query(`
    CREATE TABLE IF NOT EXISTS ${CHAIN_HEAD_TABLE} (organization_id bigint PRIMARY KEY, hash bytea NOT NULL);
    INSERT INTO ${CHAIN_HEAD_TABLE} VALUES (${String(organizationId)}, sha256('')) ON CONFLICT DO NOTHING;
    GRANT SELECT, UPDATE ON ${CHAIN_HEAD_TABLE} TO PUBLIC`);
}
