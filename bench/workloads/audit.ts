import {
  CHAIN_HEAD_TABLE,
  decisionCalls,
  withHashChain,
  withoutAudit,
  type DecisionCalls,
} from '../decision-statement';
import { untilSealed } from '../gateway';
import type { LoopResult } from '../loop';
import { side, type Bench, type Side, type Workload } from '../measured';
import { median, medianRatio, percentile } from '../statistics';
import { checkApproved, type World } from '../world';

/** How many decide at once, all in one organization. */
const DECIDERS = 32;

const FORMS = {
  sealed: (calls: DecisionCalls) => calls,
  chained: withHashChain,
  unaudited: withoutAudit,
};
type Form = keyof typeof FORMS;

/** The decision's statement in turn as it is, with a hash chain under a row lock instead, and without audit. */
export const audit: Workload = async (bench) => {
  const { world, options } = bench;
  await makeChainHead(world);
  const decisions = options.isQuick ? 300 : 4_000;
  const rounds: Record<Form, LoopResult>[] = [];
  // The first round warms up: connections, plans, caches.
  for (let round = 0; round <= options.rounds; round += 1) {
    const results = await decideInEachForm(bench, round, decisions);
    if (round > 0) rounds.push(results);
  }
  const rates = (form: Form): readonly number[] => rounds.map((round) => decisions / round[form].seconds);
  const sideOf = (form: Form): Side => {
    const latencies = rounds.flatMap((round) => round[form].latencies);
    return side({
      perSecond: median(rates(form)),
      p50: percentile(latencies, 0.5),
      p99: percentile(latencies, 0.99),
    });
  };
  return [
    {
      title: `decision statement, ${String(DECIDERS)} deciders in one organization`,
      ours: sideOf('sealed'),
      floor: sideOf('chained'),
      floorName: 'with a hash chain under a row lock',
      value: medianRatio(rates('sealed'), rates('chained')),
      unit: 'ratio',
      reach: { atLeast: 2.5 },
    },
    {
      title: `cost of audit in the decision statement, ${String(DECIDERS)} deciders`,
      ours: sideOf('sealed'),
      floor: sideOf('unaudited'),
      floorName: 'without audit',
      value: 100 * (medianRatio(rates('unaudited'), rates('sealed')) - 1),
      unit: '%',
      reach: { atMost: 20 },
    },
  ];
};

/** Each round begins with another form: what grows over a run favours none. */
async function decideInEachForm(
  bench: Bench,
  round: number,
  count: number,
): Promise<Record<Form, LoopResult>> {
  const forms = Object.keys(FORMS) as Form[];
  const first = round % forms.length;
  const results: Partial<Record<Form, LoopResult>> = {};
  for (const form of [...forms.slice(first), ...forms.slice(0, first)])
    results[form] = await decideAll(bench, form, count);
  return results as Record<Form, LoopResult>;
}

async function decideAll({ world, loop }: Bench, form: Form, count: number): Promise<LoopResult> {
  const ids = await world.addPending(count);
  const { statement, calls } = FORMS[form](await decisionCalls(world, ids));
  const result = await loop.run({ url: world.applicationUrl, callers: DECIDERS, statement, calls });
  await checkApproved(world, ids);
  await untilSealed(world);
  return result;
}

async function makeChainHead({ superuser, organizationId }: World): Promise<void> {
  await superuser.query(`
    CREATE TABLE IF NOT EXISTS ${CHAIN_HEAD_TABLE} (organization_id bigint PRIMARY KEY, hash bytea NOT NULL);
    INSERT INTO ${CHAIN_HEAD_TABLE} VALUES (${String(organizationId)}, sha256('')) ON CONFLICT DO NOTHING;
    GRANT SELECT, UPDATE ON ${CHAIN_HEAD_TABLE} TO PUBLIC`);
}
