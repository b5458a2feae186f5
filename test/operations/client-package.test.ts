import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGateway, type Gateway } from '../support/gateway';

/** A developer who packs the client and installs the package in a folder of their own, as its README says. */
const CLIENT = join(__dirname, '..', '..', 'client');
let folder: string;
let gateway: Gateway;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-client-package-'));
  gateway = await startGateway();
});
afterAll(async () => {
  await gateway.close();
  rmSync(folder, { recursive: true });
});

/** Runs a program to its end, however long it takes. @throws {Error} unless it succeeds */
async function succeed(program: string, args: readonly string[], cwd: string): Promise<string> {
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0)
    throw new Error(`${program} ${args.join(' ')} ended with ${String(code)}: ${stdout}${stderr}`);
  return stdout;
}

it('a developer packs the client, installs it and approves an action, with every id a number', async () => {
  // Twice the same: leftovers of an earlier build are not packed.
  rmSync(join(CLIENT, 'dist'), { recursive: true, force: true });
  const packed = await succeed('npm', ['pack', '--pack-destination', folder], CLIENT);
  const archive = packed.trim().split('\n').at(-1) ?? '';
  expect(archive).toMatch(/^countersign-client-\d+\.\d+\.\d+\.tgz$/);
  writeFileSync(join(folder, 'package.json'), '{ "name": "frontend", "private": true }');
  await succeed('npm', ['install', '--offline', '--no-audit', '--no-fund', `./${archive}`], folder);

  const program = `
    import { CountersignClient } from '@countersign/client';
    const client = new CountersignClient(${JSON.stringify({ url: gateway.url, token: gateway.token(42) })});
    const approval = await client.actions.approve(12345, { receipt: true });
    const late = await client.actions.approve('12345').catch((error) => error);
    const bulk = await client.actions.bulkApprove([12345, 12348], { receipt: true });
    const { actions } = await client.actions.list({ filter: { status: ['APPROVED'] } });
    console.log(JSON.stringify({ approval, facts: late.facts, bulk, actions }));`;
  writeFileSync(join(folder, 'program.mjs'), program);
  const { approval, facts, bulk, actions } = JSON.parse(
    await succeed(process.execPath, ['program.mjs'], folder),
  ) as Record<string, any>;
  expect(approval).toMatchObject({
    ...{ actionId: 12345, approvedBy: 42, decidedBy: { id: 42 }, receipt: { auditId: expect.any(Number) } },
  });
  expect(facts).toMatchObject({ currentStatus: 'APPROVED', decidedBy: 42 });
  expect(bulk.results).toMatchObject([
    { actionId: 12345, decision: null, refusal: { code: 'INVALID_STATE', decidedBy: 42 } },
    { actionId: 12348, decision: { decidedBy: { id: 42 } }, refusal: null },
  ]);
  expect(bulk.receipt.auditIds).toEqual([expect.any(Number)]);
  expect(actions).toContainEqual(
    expect.objectContaining({
      id: 12348,
      decidedBy: { id: 42, name: 'Sue Senior' },
      submittedBy: { id: 4, name: 'Ann Analyst' },
    }),
  );
});
