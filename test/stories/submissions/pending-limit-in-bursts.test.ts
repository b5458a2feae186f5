import { APIS } from '../../support/apis';
import { startGateway, type Gateway } from '../../support/gateway';
import { changePolicy } from '../../support/policies';
import {
  inOneStatement,
  someKeys,
  statementsThatSubmitted,
  submitTogether,
} from '../../support/submit-bursts';
import { MINIMAL, submitThrough } from '../../support/submissions';

/** The limit of a submitter's pending actions counts the submissions that share a statement. */
let gateway: Gateway;
let fillers: string[];

beforeAll(async () => {
  gateway = await startGateway({ maxPendingActions: 12 });
});
beforeEach(async () => {
  fillers = await someKeys(gateway, 3);
});
afterAll(() => gateway.close());

const READ = { tool_name: 'read' };

describe.each(APIS)('an agent that has room for five actions and submits twenty at once over %s', (api) => {
  it('gets the first five stored and is told 429 of the others, while another agent has its own room', async () => {
    const [busy = '', other = ''] = await someKeys(gateway, 2);
    for (let n = 0; n < 7; n += 1) await submitThrough(gateway, api, MINIMAL, { apiKey: busy });
    const keys = Array.from({ length: 25 }, (_, n) => (n % 5 === 4 ? other : busy));
    const answers = await inOneStatement(gateway, fillers, 25, () => submitTogether(gateway, api, keys));
    const [mine = [], theirs = []] = [busy, other].map((key) => answers.filter((_, n) => keys[n] === key));
    expect(theirs.map(({ status }) => status)).toEqual(theirs.map(() => 'pending_approval'));
    const refused = mine.filter(({ error_code: code }) => code === 'RATE_LIMIT_EXCEEDED');
    expect(refused).toHaveLength(15);
    const stored = mine.flatMap(({ action_id: id }) => (id === undefined ? [] : [Number(id)]));
    const together = statementsThatSubmitted(gateway).find(({ length }) => length === 25) ?? [];
    const busyId = together.find(({ action_id: id }) => id === stored[0])?.['key_id'];
    const inOrder = together.flatMap(({ key_id: key, action_id: id }) =>
      key === busyId ? [Number(id)] : [],
    );
    expect([...stored].sort((one, two) => one - two)).toEqual(inOrder.slice(0, 5));
  });

  it('has all stored that the policy approves at once, since they do not wait', async () => {
    const [busy = ''] = await someKeys(gateway, 1);
    await changePolicy(gateway, { scoringRules: [{ toolName: 'read', score: 5 }], autoApproveBelow: 40 });
    const keys = Array.from({ length: 20 }, () => busy);
    const answers = await inOneStatement(gateway, fillers, 20, () =>
      submitTogether(gateway, api, keys, (n) => ({ body: n % 4 === 0 ? {} : READ })),
    );
    await changePolicy(gateway, { scoringRules: [], autoApproveBelow: null });
    expect(answers.map(({ status }) => status)).toEqual(
      keys.map((_, n) => (n % 4 === 0 ? 'pending_approval' : 'approved')),
    );
  });
});
