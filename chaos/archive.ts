import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { readNotes } from '../src/audit/notes';
import type { Violation } from './checks';
import type { World } from './world';

const ORGANIZATION = 1;
/** How often an archive is copied at most until no note is cut off. */
const MOST_COPIES = 50;

/** Exports organization 1's bundle and verifies it offline, with all existing archives. */
export async function verifyOffline(world: World): Promise<readonly Violation[]> {
  const [gateway] = world.gateways;
  const bundle = join(world.folder, 'bundle.jsonl');
  const keys = join(world.folder, 'keys');
  const headers = { authorization: `Bearer ${world.cast.token(1)}` };
  // Copied before the export: what is sealed meanwhile would not be in the bundle. Checkpoints of an abandoned tree no longer
  // match, as intended.
  const archives = (world.hasLost ? [] : world.gateways)
    .map((one) => ({
      one,
      path: join(world.archiveOf(one), `organization-${String(ORGANIZATION)}.checkpoints`),
    }))
    .filter(({ path }) => existsSync(path))
    .map(({ one, path }) => ({ path, copy: join(world.folder, `archived-${one.name}.checkpoints`) }));
  for (const { path, copy } of archives) await copyWhole(path, copy);
  const exported = await fetch(`${gateway.url}/api/admin/audit-logs/export?format=bundle`, { headers });
  if (exported.status !== 200)
    return [
      {
        promise: 'P6',
        detail: `the export is answered ${String(exported.status)}: ${await exported.text()}`,
      },
    ];
  writeFileSync(bundle, await exported.text());
  writeFileSync(keys, await (await fetch(`${gateway.url}/.well-known/countersign-audit-keys`)).text());
  const args = [bundle, '--key', keys, ...archives.flatMap(({ copy }) => ['--checkpoint', copy])];
  const { code, output } = await run(['--import', 'tsx', join('src', 'cli', 'audit-verify.ts'), ...args]);
  return code === 0 ? [] : [{ promise: 'P6', detail: `the offline verifier says: ${output.slice(-2_000)}` }];
}

/** Copies an archive's file again where a note was being written to it meanwhile. */
async function copyWhole(path: string, copy: string): Promise<void> {
  for (let tries = 0; tries < MOST_COPIES; tries += 1) {
    copyFileSync(path, copy);
    if (readNotes(readFileSync(copy, 'utf8')) !== null) return;
    await pause(100);
  }
}

function run(args: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      args,
      { cwd: join(__dirname, '..'), maxBuffer: 1e8 },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr });
      },
    );
  });
}
