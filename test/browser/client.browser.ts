import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { describeInBrowser, openWatched, startChromium, type Watched } from '../support/browser';
import { startGateway, type Gateway } from '../support/gateway';

/** The published client in the page of a frontend on another origin, and without TLS. */

const HOST = 'frontend.test';
const ROOT = join(__dirname, '..', '..');

describeInBrowser('a frontend with the client', () => {
  let folder: string;
  let allowed: Server;
  let stranger: Server;
  let gateway: Gateway;
  let browser: Browser;
  let watched: Watched;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'countersign-client-'));
    const build = ['-p', 'client', '--noEmit', 'false', '--incremental', 'false', '--outDir', folder];
    const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    expect(spawnSync(process.execPath, [compiler, ...build], { cwd: ROOT }).status).toBe(0);
    [allowed, stranger] = [await serve(folder), await serve(folder)];
    gateway = await startGateway({ corsOrigins: [originOf(allowed)] });
    browser = await startChromium(HOST);
  });
  afterAll(async () => {
    await browser.close();
    await gateway.close();
    for (const server of [allowed, stranger]) server.close();
    rmSync(folder, { recursive: true });
  });
  afterEach(async () => {
    await watched.page.context().close();
  });

  /**
   * Opens a page from there and runs code in it, which has the client's exports, a `client` and the gateway's `url`.
   */
  async function inPage(from: Server, code: string): Promise<any> {
    watched = await openWatched(browser, `${originOf(from)}/`, [gateway.url]);
    const options = JSON.stringify({ url: gateway.url, token: gateway.token(42), retries: 0 });
    return watched.page.evaluate(`(async () => {
      const { CountersignClient, CountersignError, isCountersignError } = await import('/index.js');
      const { url, token } = ${options};
      const client = new CountersignClient(${options});
      const thrownBy = (call) => call.then(() => null, (error) => error);
      ${code}
    })()`);
  }

  it('approves an action, waits for it, lists it, and gets the code of a refusal', async () => {
    const told = await inPage(
      allowed,
      `const approval = await client.actions.approve(12345, { reason: 'Reviewed in a browser' });
      const waited = await client.actions.wait(12345, { timeout: 5000 });
      const { actions } = await client.actions.list({ filter: { status: ['APPROVED'] }, first: 5 });
      const late = await thrownBy(client.actions.approve(12345));
      const high = await thrownBy(client.actions.reject(12351));
      const pending = await thrownBy(client.actions.wait(12346, { timeout: 1 }));
      return {
        isSafe: isSecureContext,
        approved: [approval.actionId, approval.status, approval.approvedBy],
        waited: [waited.id, waited.status],
        listed: actions.some(({ id }) => id === 12345),
        late: [late instanceof CountersignError, isCountersignError(late, 'INVALID_STATE'), late.facts.decidedBy],
        high: [high.code, high.status, high.facts.requiredLevel],
        pending: pending.code,
      };`,
    );
    expect(told).toEqual({
      isSafe: false,
      approved: [12345, 'APPROVED', 42],
      waited: [12345, 'APPROVED'],
      listed: true,
      late: [true, true, 42],
      high: ['APPROVAL_LEVEL_REQUIRED', 403, 4],
      pending: 'STILL_PENDING',
    });
    expect(watched.problems).toEqual([]);
    const [action] = await gateway.database.sql('SELECT decided_by, reason FROM actions WHERE id = 12345');
    expect(action).toEqual({ decided_by: 42, reason: 'Reviewed in a browser' });
  });

  it('decides over REST with an idempotency key, and reads what the headers say', async () => {
    const told = await inPage(
      allowed,
      `const decide = () => fetch(url + '/api/v1/actions/12347/approve', {
        method: 'POST',
        headers: { authorization: 'Bearer ' + token, 'idempotency-key': 'a-browser', 'x-correlation-id': 'from-a-page' },
      });
      const [first, again] = [await decide(), await decide()];
      const bodies = [await first.json(), await again.json()];
      return [first.status, again.status, bodies[0].status, bodies[0].approved_at === bodies[1].approved_at,
        first.headers.get('x-correlation-id')];`,
    );
    expect(told).toEqual([200, 200, 'approved', true, 'from-a-page']);
    expect(watched.problems).toEqual([]);
  });

  it('from an origin that is not allowed decides nothing', async () => {
    const told = await inPage(stranger, `return (await thrownBy(client.actions.approve(12348))).code;`);
    expect(told).toBe('NETWORK');
    // The browser itself says why: the preflight allowed nothing.
    expect(watched.problems.join()).toContain('CORS');
    const [action] = await gateway.database.sql('SELECT status FROM actions WHERE id = 12348');
    expect(action).toEqual({ status: 'pending_approval' });
  });
});

/** Serves a page, and the modules of a folder to it. */
async function serve(folder: string): Promise<Server> {
  const server = createServer((request, response) => {
    const [, name] = /^\/([a-z]+\.js)$/.exec(request.url ?? '') ?? [];
    const [type, body] =
      name === undefined
        ? ['text/html', '<!doctype html><link rel="icon" href="data:,"><title>A frontend</title>']
        : ['text/javascript', readFileSync(join(folder, name))];
    response.writeHead(200, { 'content-type': type }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function originOf(server: Server): string {
  return `http://${HOST}:${String((server.address() as AddressInfo).port)}`;
}
