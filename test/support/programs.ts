import { spawn, spawnSync } from 'node:child_process';

/** The result of a program. */
export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The first of the machine's Pythons that can import these modules; null where there is none. */
export function pythonWith(...modules: readonly string[]): string | null {
  const imports = ['import sys', ...modules.map((name) => `import ${name}`)].join('; ');
  const has = (program: string) => spawnSync(program, ['-c', imports]).status === 0;
  return ['python3', '/usr/bin/python3'].find(has) ?? null;
}

/** Whether the machine has a program. */
export function hasProgram(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0;
}

/** Runs a program to its end, with this on its standard input. */
export function run(
  program: string,
  args: readonly string[],
  { input = '', env = {} }: { input?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<Ran> {
  const child = spawn(program, args, { env: { ...process.env, ...env }, timeout: 300_000 });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, stdout, stderr });
    });
  });
}
