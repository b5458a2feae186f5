import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasProgram } from '../support/programs';
import { install, type Installation } from '../support/installation';

/**
 * A new user in a second terminal: the commands of the README and the pages behind it run as they are printed, in their
 * order, each page in a shell of its own, so that each can be read by itself.
 */
const PAGES = [
  'README',
  'docs/getting-started',
  'docs/rest-api',
  'docs/approval-policy',
  'docs/authentication',
];
const ROOT = join(__dirname, '..', '..');
/** Pages whose commands call the gateway. */
const CALLS = /\bcurl |\bnpm run --silent (token|api-key)\b/;
/** Between two blocks, on both outputs. */
const END_OF_BLOCK = '--- end of block ---';

let installation: Installation;
let settings: { DATA_DIR: string; PORT: string };

beforeAll(async () => {
  installation = await install();
  settings = { ...installation.settings, PORT: new URL(installation.gateway.url).port };
});
afterAll(() => installation.remove());

/** The blocks of a page that call the gateway, in their order. */
function blocksOf(page: string): readonly string[] {
  return [...readFileSync(join(ROOT, `${page}.md`), 'utf8').matchAll(/^```sh\n(.*?)^```/gms)]
    .map(([, text = '']) => text)
    .filter((text) => CALLS.test(text));
}

/** Runs blocks in one shell. @returns what each printed, and what went wrong in it */
async function inOneShell(
  texts: readonly string[],
): Promise<{ stdout: string[]; stderr: string[]; code: unknown }> {
  const script = [
    'set -e',
    ...texts.flatMap((text) => [text, `echo '${END_OF_BLOCK}'; echo '${END_OF_BLOCK}' >&2`]),
  ].join('\n');
  const shell = spawn('bash', ['-c', script], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  shell.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  shell.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise((resolve) => shell.once('close', resolve));
  const parts = (text: string) => text.split(`${END_OF_BLOCK}\n`).map((part) => part.trim());
  return { stdout: parts(stdout), stderr: parts(stderr), code };
}

const any = (pattern: RegExp) => expect.stringMatching(pattern) as unknown;

const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** How a block is recognized, and what its answer says. */
const ANSWERS: readonly (readonly [RegExp, object])[] = [
  [/actions\/submit/, { status: 'pending_approval', risk_level: 'critical', submitted_at: any(/Z$/) }],
  [/ACTION_ID\/approve/, { status: 'approved', approved_by: 7 }],
  [/ACTION_ID\/status/, { status: 'approved', decision: 'allowed', decision_ready: true }],
  [
    /action_id=\$ACTION_ID/,
    { logs: [{ action_type: 'action_approved', user_id: 7 }, { action_type: 'action_submitted' }] },
  ],
  [/12345\/approve/, { action_id: 12345, status: 'approved', approved_by: 42 }],
  [/12349\/approve/, { action_id: 12349, status: 'approved', approved_by: 42 }],
  [/approveAction/, { data: { approveAction: { status: 'APPROVED', decidedBy: { name: 'Sue Senior' } } } }],
  [/"mode": "atomic"/, { error_code: 'BULK_REFUSED', requested: 2, succeeded: 0 }],
  [/bulk-approve/, { status: 'approved', requested: 3, succeeded: 1 }],
  [
    /audit-logs\?action_id=12349/,
    { logs: [{ refusal_code: 'INVALID_STATE' }, { action_type: 'action_approved', user_id: 42 }] },
  ],
  [/POLICY_VERSION/, { data: { changeApprovalPolicy: { version: 2 } } }],
  [/12352\/approve/, { action_id: 12352, status: 'approved' }],
  [/createApiKey/, { data: { createApiKey: { key: any(/^csk_/) } } }],
  [/12350\/status/, { action_id: 12350, status: 'pending_approval', decision: 'pending' }],
];

(hasProgram('curl') ? it : it.skip)(
  'a new user runs what the README and the pages behind it print, and each command does what it says',
  async () => {
    const seen = new Set<RegExp>();
    const said: string[] = [];
    for (const page of PAGES) {
      const blocks = blocksOf(page);
      const { stdout, stderr, code } = await inOneShell(blocks);
      expect([page, code, stdout.length, stderr.at(-1)]).toEqual([page, 0, blocks.length + 1, '']);
      said.push(...stderr);
      for (const [index, text] of blocks.entries()) {
        const printed = stdout[index] ?? '';
        const [known, answer] = ANSWERS.find(([marker]) => marker.test(text)) ?? [null, {}];
        if (known !== null) seen.add(known);
        expect([text, stderr[index]]).not.toEqual([text, expect.stringContaining('error')]);
        if (text.includes('curl ')) expect([text, JSON.parse(printed)]).toMatchObject([text, answer]);
        else expect([text, printed]).toEqual([text, text.includes('=$(') ? '' : any(JWT)]);
        if (known === null) expect(printed).not.toMatch(/"error_code"|"errors"/);
      }
    }
    expect(seen.size).toBe(ANSWERS.length);
    const whose = said.find((text) => text.includes('owned by')) ?? '';
    expect(whose).toMatch(/^owned by user 1 \(Ada Admin\).*--owner/);
  },
  600_000,
);
