import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../src/persistence/embedded/postmaster';

/** Sends requests while gateways are restarted one after the other, and counts how many failed. */

/** How often readiness is checked, in milliseconds. */
const CHECK_INTERVAL = 50;
/** Requests at a time. */
const CLIENTS = 4;

export interface Sent {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly token: string;
}

/** Clients that send one request after the other on kept connections. */
export class Load {
  /** Answers by status. */
  readonly answers = new Map<number, number>();
  /** Requests without an answer, and answers that blame the server. */
  readonly failures: string[] = [];
  private isStopped = false;
  private readonly running: Promise<unknown>;
  private readonly agent = new Agent({ keepAlive: true });

  /**
   * @param targetNow where the next request goes
   * @param next the next request
   */
  constructor(
    private readonly targetNow: () => Promise<number>,
    private readonly next: () => Sent,
  ) {
    this.running = Promise.all(Array.from({ length: CLIENTS }, () => this.client()));
  }

  get answered(): number {
    return [...this.answers.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Resolves once so many requests have been answered. */
  async untilAnswered(count: number): Promise<void> {
    while (this.answered < count) await pause(10);
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.running;
    this.agent.destroy();
  }

  private async client(): Promise<void> {
    while (!this.isStopped) {
      const port = await this.targetNow();
      const sent = this.next();
      try {
        const status = await statusOf(port, sent, this.agent);
        this.answers.set(status, (this.answers.get(status) ?? 0) + 1);
        if (status >= 500) this.failures.push(`${sent.method} ${sent.path}: ${String(status)}`);
      } catch (error) {
        this.failures.push(`${sent.method} ${sent.path}: ${String(error)}`);
      }
    }
  }
}

function statusOf(port: number, { method, path, token }: Sent, agent: Agent | false): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    const options = { host: '127.0.0.1', port, method, path, agent, headers };
    request(options, (response) => {
      response.resume();
      response.once('end', () => {
        resolve(response.statusCode ?? 0);
      });
      response.once('error', reject);
    })
      .once('error', reject)
      .end();
  });
}

/** A client's own health checks: which of these ports are ready. */
export class HealthChecks {
  private readonly ready = new Set<number>();
  private isStopped = false;
  private readonly running: Promise<unknown>;
  private turn = 0;

  constructor(ports: readonly number[]) {
    this.running = Promise.all(ports.map((port) => this.check(port)));
  }

  isReady(port: number): boolean {
    return this.ready.has(port);
  }

  /** A ready one, each in its turn. */
  async next(): Promise<number> {
    for (;;) {
      const ready = [...this.ready].sort();
      const port = ready[this.turn++ % ready.length];
      if (port !== undefined) return port;
      await pause(CHECK_INTERVAL);
    }
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.running;
  }

  private async check(port: number): Promise<void> {
    while (!this.isStopped) {
      const probe = { method: 'GET', path: '/readyz', token: '' } as const;
      const status = await statusOf(port, probe, false).catch(() => 0);
      if (status === 200) this.ready.add(port);
      else this.ready.delete(port);
      await pause(CHECK_INTERVAL);
    }
  }
}

/** Whether the machine has HAProxy. */
export function hasHaproxy(): boolean {
  return spawnSync('haproxy', ['-v']).status === 0;
}

/** Starts an HAProxy that checks these gateways' readiness, and repeats no request. */
export async function startHaproxy(
  folder: string,
  ports: readonly number[],
): Promise<{ readonly port: number; isReady(port: number): Promise<boolean>; stop(): Promise<void> }> {
  const port = await freePort();
  const config = join(folder, 'haproxy.cfg');
  const servers = ports.map(
    (port) => `  server s${String(port)} 127.0.0.1:${String(port)} check inter 100ms fall 1 rise 1`,
  );
  writeFileSync(
    config,
    `defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout check 5s
  retries 0
frontend all
  bind 127.0.0.1:${String(port)}
  stats enable
  stats uri /haproxy
  default_backend gateways
backend gateways
  balance roundrobin
  option httpchk GET /readyz
${servers.join('\n')}
`,
  );
  const child = spawn('haproxy', ['-f', config, '-db'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)));
  const gone = new Promise<void>((resolve) => {
    child.once('close', () => {
      resolve();
    });
  });
  const probe = { method: 'GET', path: '/health', token: '' } as const;
  while ((await statusOf(port, probe, false).catch(() => 0)) !== 200) {
    if (child.exitCode !== null) throw new Error(`HAProxy did not run: ${said}`);
    await pause(20);
  }
  return {
    port,
    // As HAProxy itself sees it, which may be later than others do.
    isReady: async (server) => {
      const response = await fetch(`http://127.0.0.1:${String(port)}/haproxy;csv`);
      const lines = (await response.text()).split('\n');
      return lines.some((line) => line.startsWith(`gateways,s${String(server)},`) && line.includes(',UP'));
    },
    stop: async () => {
      child.kill('SIGTERM');
      await gone;
    },
  };
}
