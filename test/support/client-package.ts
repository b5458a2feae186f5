import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');

/** Puts @countersign/client into a folder's node_modules, as installing its package does. @throws {Error} where it does not compile */
export function installClient(folder: string): void {
  const home = join(folder, 'node_modules', '@countersign', 'client');
  const dist = join(home, 'dist');
  mkdirSync(dist, { recursive: true });
  copyFileSync(join(ROOT, 'client', 'package.json'), join(home, 'package.json'));
  writeFileSync(join(dist, 'package.json'), '{ "type": "module" }');
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const options = ['-p', 'client', '--noEmit', 'false', '--incremental', 'false', '--outDir', dist];
  const { status, stdout } = spawnSync(process.execPath, [compiler, ...options], { cwd: ROOT });
  if (status !== 0) throw new Error(`The client does not compile: ${stdout.toString()}`);
}
