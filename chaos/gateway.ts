import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

/** A line of the log at level error or above. */
export interface ErrorLine {
  readonly gateway: string;
  readonly text: string;
}

const REPOSITORY = join(__dirname, '..');
const ERROR_LEVEL = 50;
/** The pause before the supervisor restarts a gateway that ended, in milliseconds. */
const RESTART_DELAY = 200;
/** The time limit for a gateway to become ready after a fault has ended, in milliseconds. */
const READY_LIMIT = 90_000;

/** A gateway in its own process, with a supervisor that restarts it when it ends. */
export class SupervisedGateway {
  private child: ChildProcess | null = null;
  private isWanted = false;
  private readonly log: WriteStream;
  readonly errors: ErrorLine[] = [];
  /** How each process ended: an exit code or a signal. */
  readonly ends: string[] = [];

  constructor(
    readonly name: string,
    readonly port: number,
    /** The environment; changes take effect at the next start. */
    readonly settings: Record<string, string>,
    logFile: string,
  ) {
    this.log = createWriteStream(logFile, { flags: 'a' });
  }

  get url(): string {
    return `http://127.0.0.1:${String(this.port)}`;
  }

  start(): void {
    this.isWanted = true;
    this.spawn();
  }

  /** Sends a signal to the process, if there is one. If the process ends, the supervisor restarts it. */
  signal(name: NodeJS.Signals): boolean {
    return this.child?.kill(name) ?? false;
  }

  /** Ends the process with this signal and keeps it down until `start`. @returns how it ended */
  async stop(name: NodeJS.Signals = 'SIGTERM'): Promise<string> {
    this.isWanted = false;
    const { child } = this;
    if (child === null) return 'down';
    const gone = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGCONT');
    child.kill(name);
    await gone;
    return this.ends.at(-1) ?? '';
  }

  /** Kills the process and waits until its successor is ready. */
  async restart(): Promise<void> {
    this.signal('SIGKILL');
    await pause(50);
    await this.untilReady();
  }

  /** Waits until the gateway is ready. @returns after how many milliseconds; null if the limit passed */
  async untilReady(limit = READY_LIMIT): Promise<number | null> {
    const begin = performance.now();
    while (performance.now() - begin < limit) {
      if ((await this.readiness())?.status === 200) return performance.now() - begin;
      await pause(50);
    }
    return null;
  }

  /** Returns the response of /readyz; null if there is none. */
  async readiness(): Promise<{ status: number; text: string } | null> {
    try {
      const answer = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(10_000) });
      return { status: answer.status, text: await answer.text() };
    } catch {
      return null;
    }
  }

  private spawn(): void {
    const child = spawn(process.execPath, ['--import', 'tsx', join('src', 'main.ts')], {
      cwd: REPOSITORY,
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        PORT: String(this.port),
        ...this.settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        this.read(line);
      });
    child.once('close', (code, signalName) => {
      this.child = null;
      this.ends.push(signalName ?? `exit code ${String(code)}`);
      if (this.isWanted)
        setTimeout(() => {
          if (this.isWanted && this.child === null) this.spawn();
        }, RESTART_DELAY);
    });
  }

  private read(line: string): void {
    this.log.write(`${line}\n`);
    if (!line.startsWith('{')) return;
    const { level = 0 } = JSON.parse(line) as { level?: number };
    if (level >= ERROR_LEVEL) this.errors.push({ gateway: this.name, text: line });
  }
}
