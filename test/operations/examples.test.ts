import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installClient } from '../support/client-package';
import { startGateway, type Gateway } from '../support/gateway';
import { pythonWith, run, type Ran } from '../support/programs';

/** The agents of examples/, run unchanged against a gateway; the page for reviewers is in test/browser. */
const EXAMPLES = join(__dirname, '..', '..', 'examples');
const REVIEWER = 7;
let gateway: Gateway;
let folder: string;

beforeAll(async () => {
  gateway = await startGateway();
  folder = mkdtempSync(join(tmpdir(), 'countersign-examples-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await gateway.close();
});

/** An agent's program and its interpreter; null where the machine has none. */
interface Agent {
  readonly name: string;
  readonly program: string | null;
  readonly prepare: () => string;
}

const AGENTS: readonly Agent[] = [
  {
    name: 'Python with requests',
    program: pythonWith('requests'),
    prepare: () => join(EXAMPLES, 'agent-python', 'agent.py'),
  },
  {
    name: 'Node.js with @countersign/client',
    program: process.execPath,
    prepare: () => {
      installClient(folder);
      copyFileSync(join(EXAMPLES, 'agent-node', 'agent.mjs'), join(folder, 'agent.mjs'));
      return join(folder, 'agent.mjs');
    },
  },
];

describe.each(AGENTS)('an agent in $name', ({ name, program, prepare }) => {
  if (program === null) console.log(`skipped: there is no ${name} on this machine`);
  const test = program === null ? it.skip : it;
  let path: string;

  beforeAll(() => {
    if (program !== null) path = prepare();
  });

  /** Runs the agent; a reviewer gives this verdict on what it submits. @returns how it ended, and the action's id */
  async function runFor(
    verdict: 'approve' | 'reject',
    reason: string,
  ): Promise<Ran & { readonly id: number }> {
    const env = {
      COUNTERSIGN_URL: gateway.url,
      COUNTERSIGN_API_KEY: await gateway.apiKey({}),
      POLL_INTERVAL: '0.05',
    };
    const ended = run(program ?? '', [path], { env });
    const id = await submittedBefore(ended);
    const decided = await gateway.rest('POST', `/api/v1/actions/${String(id)}/${verdict}`, {
      user: REVIEWER,
      body: { reason },
    });
    expect(decided.status).toBe(200);
    return { ...(await ended), id };
  }

  /** The action that waits for a reviewer. @throws {Error} where the agent ends before it submits one */
  async function submittedBefore(ended: Promise<Ran>): Promise<number> {
    const query = 'agent_id=invoice-agent&status_filter=pending_approval';
    const early: Ran[] = [];
    void ended.then((ran) => early.push(ran));
    for (;;) {
      const { body } = await gateway.rest('GET', `/api/v1/actions?${query}`, { user: REVIEWER });
      const [action] = body as readonly { readonly id: number }[];
      if (action !== undefined) return action.id;
      if (early.length > 0) throw new Error(`The agent ended: ${JSON.stringify(early)}`);
    }
  }

  test('continues once a reviewer approves its action', async () => {
    const { id, code, stdout, stderr } = await runFor('approve', 'Go ahead');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.trim().split('\n')).toEqual([
      expect.stringContaining(`submitted ${String(id)}: Risk score 95`),
      `approved ${String(id)}: correcting invoice 42`,
    ]);
  });

  test('stops with the reason once a reviewer rejects its action', async () => {
    const { id, code, stdout, stderr } = await runFor('reject', 'Wrong invoice');
    expect([code, stderr.trim()]).toEqual([1, `denied ${String(id)}: Wrong invoice`]);
    expect(stdout).not.toContain('correcting');
  });

  test('stops with the code of the refusal where its API key is invalid', async () => {
    const env = { COUNTERSIGN_URL: gateway.url, COUNTERSIGN_API_KEY: `csk_${'x'.repeat(43)}` };
    const { code, stdout, stderr } = await run(program ?? '', [path], { env });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('INVALID_API_KEY: Invalid API key');
  });
});
