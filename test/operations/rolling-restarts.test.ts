import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { developmentSubject, openDevelopmentIssuer } from '../../src/http/development-issuer';
import { freePort } from '../../src/persistence/embedded/postmaster';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { startProcess, stopAll, type RunningGateway, type Settings } from '../support/processes';
import { hasHaproxy, HealthChecks, Load, startHaproxy, type Sent } from '../support/rolling';
import { cases } from '../support/runs';

/** Gateways that are told to stop while they are used: no request fails, and each stops in time. */
const RESTARTS = cases(2, 20);
const REQUESTS = cases(200, 10_000);
let database: TestDatabase;
let folder: string;
let settings: Settings;
let token: string;

beforeAll(async () => {
  database = await cloneDatabase();
  folder = mkdtempSync(join(tmpdir(), 'countersign-rolling-'));
  settings = {
    DATA_DIR: folder,
    DATABASE_URL: database.applicationUrl,
    DATABASE_OWNER_URL: database.ownerUrl,
    SHUTDOWN_DELAY: '5',
  };
  token = openDevelopmentIssuer(folder).sign(developmentSubject(42), 7_200);
});
afterAll(async () => {
  await stopAll();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

let sent = 0;
/** Reads and decisions: every second decision finds its action decided, which is an answer like any other. */
function next(): Sent {
  sent += 1;
  const id = 12300 + (sent % 40);
  return sent % 5 === 0
    ? { method: 'POST', path: `/api/v1/actions/${String(id)}/approve`, token }
    : {
        method: 'GET',
        path: sent % 2 === 0 ? '/api/v1/actions?limit=10' : `/api/v1/actions/${String(id)}`,
        token,
      };
}

describe('a client that sends requests while gateways are restarted one after the other', () => {
  const proxied = hasHaproxy() ? ', or behind HAProxy' : '; HAProxy is not installed: skipped';

  it(`gets an answer to all of them, checking the readiness itself${proxied}`, async () => {
    const ports = [await freePort(), await freePort()];
    const start = (port: number) => startProcess({ ...settings, PORT: String(port) });
    const gateways = new Map<number, RunningGateway>();
    for (const port of ports) gateways.set(port, await start(port));
    const checks = new HealthChecks(ports);
    const proxy = hasHaproxy() ? await startHaproxy(folder, ports) : null;
    const isReady = async (port: number) => checks.isReady(port) && (await proxy?.isReady(port)) !== false;
    const loads = [new Load(() => checks.next(), next)];
    if (proxy !== null) loads.push(new Load(() => Promise.resolve(proxy.port), next));
    const untilAnswered = (count: number) => Promise.all(loads.map((load) => load.untilAnswered(count)));
    const codes: (number | null)[] = [];
    for (let n = 0; n < RESTARTS; n += 1) {
      const port = ports[n % 2] ?? 0;
      for (const each of ports) while (!(await isReady(each))) await pause(20);
      await untilAnswered(Math.floor((REQUESTS * (n + 1)) / (RESTARTS + 1)));
      gateways.get(port)?.signal('SIGTERM');
      codes.push((await gateways.get(port)?.finished)?.code ?? null);
      gateways.set(port, await start(port));
    }
    await untilAnswered(REQUESTS);
    for (const load of loads) await load.stop();
    await checks.stop();
    await proxy?.stop();
    for (const gateway of gateways.values()) {
      gateway.signal('SIGINT');
      await gateway.finished;
    }
    expect(loads.map(({ failures }) => failures)).toEqual(loads.map(() => []));
    expect(codes).toEqual(Array(RESTARTS).fill(0));
    for (const { answered } of loads) expect(answered).toBeGreaterThanOrEqual(REQUESTS);
  }, 1_800_000);
});

describe('a gateway that is told to stop', () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = async (url: string) => {
    const [response] = (await once(get(url, { agent }), 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
    return { status: response.statusCode, connection: response.headers.connection };
  };
  afterAll(() => {
    agent.destroy();
  });

  it('turns not ready at once, still serves, and tells kept connections to close', async () => {
    const gateway = await startProcess({ ...settings, PORT: '0', SHUTDOWN_DELAY: '300' });
    expect(await ask(`${gateway.url}/health`)).toEqual({ status: 200, connection: 'keep-alive' });
    gateway.signal('SIGTERM');
    await gateway.printed('stopping');
    expect(await ask(`${gateway.url}/readyz`)).toEqual({ status: 503, connection: 'close' });
    expect(await ask(`${gateway.url}/openapi.json`)).toEqual({ status: 200, connection: 'close' });
    // A second signal, well after the first, adds no waiting time.
    const exit = setInterval(() => {
      gateway.signal('SIGTERM');
    }, 200);
    expect((await gateway.finished).code).toBe(1);
    clearInterval(exit);
  });

  it('does not wait for load balancers after Ctrl-C in development', async () => {
    const gateway = await startProcess({ ...settings, PORT: '0', SHUTDOWN_DELAY: '300' });
    gateway.signal('SIGINT');
    // npm passes on what the terminal sent to all of them: twice counts once.
    gateway.signal('SIGINT');
    expect((await gateway.finished).code).toBe(0);
  });

  it('ends in time, with an exit code and a line that say so, where its database never answers again', async () => {
    // Two of them: a pooler takes the application's login alone.
    const frozen = await freezableProxy(settings['DATABASE_URL'] ?? '');
    const owners = await freezableProxy(settings['DATABASE_OWNER_URL'] ?? '');
    const gateway = await startProcess({
      ...settings,
      PORT: '0',
      SHUTDOWN_DELAY: '0',
      SHUTDOWN_TIMEOUT: '2',
      DATABASE_URL: frozen.url,
      DATABASE_OWNER_URL: owners.url,
    });
    frozen.freeze();
    owners.freeze();
    const asked = fetch(`${gateway.url}/api/v1/actions/12345`, {
      headers: { authorization: `Bearer ${token}` },
    }).catch(() => null);
    await frozen.untilAsked();
    gateway.signal('SIGTERM');
    const { code, stderr } = await gateway.finished;
    expect([code, stderr]).toEqual([124, expect.stringMatching(/^stopping took longer than 2 s .* at: /m)]);
    await asked;
    await frozen.close();
    await owners.close();
  });
});

/** A proxy in front of a database that can silently stop passing anything on. */
async function freezableProxy(target: string) {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let isFrozen = false;
  let onAsked: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => (onAsked = resolve));
  const server: Server = createServer((client) => {
    const database = connect(Number(port), hostname);
    for (const [from, to] of [
      [client, database],
      [database, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => undefined);
      from.on('close', () => to.destroy());
      from.on('data', (data) => {
        if (!isFrozen) to.write(data);
        else if (from === client) onAsked();
      });
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = new URL(target);
  url.host = `127.0.0.1:${String((server.address() as { port: number }).port)}`;
  return {
    url: url.href,
    freeze: () => (isFrozen = true),
    untilAsked: () => asked,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
