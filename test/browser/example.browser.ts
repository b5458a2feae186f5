import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import {
  describeInBrowser,
  openWatched,
  startChromium,
  violationsOn,
  type Watched,
} from '../support/browser';
import { startGateway, type Gateway } from '../support/gateway';

/** The page of examples/frontend, served from another origin as any static file server does. */
const FOLDER = join(__dirname, '..', '..', 'examples', 'frontend');
const TYPES: Readonly<Record<string, string>> = { html: 'text/html', mjs: 'text/javascript' };

describeInBrowser('a reviewer on the example page', () => {
  let server: Server;
  let origin: string;
  let gateway: Gateway;
  let browser: Browser;
  let watched: Watched;

  beforeAll(async () => {
    server = createServer(({ url = '/' }, response) => {
      const [name = '', ending = ''] = /^\/(\w+\.(html|mjs))$/.exec(url)?.slice(1) ?? ['index.html', 'html'];
      response.writeHead(200, { 'content-type': TYPES[ending] ?? '' }).end(readFileSync(join(FOLDER, name)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    gateway = await startGateway({ corsOrigins: [origin] });
    browser = await startChromium();
  });
  afterAll(async () => {
    await browser.close();
    await gateway.close();
    server.close();
  });
  beforeEach(async () => {
    watched = await openWatched(browser, `${origin}/`, [gateway.url]);
    watched.page.on('dialog', (dialog) => void dialog.accept('Reviewed on a page'));
    await watched.page.getByLabel('Gateway').fill(gateway.url);
  });
  afterEach(async () => {
    await watched.page.context().close();
  });

  async function connect(token: string): Promise<void> {
    await watched.page.getByLabel('Token').fill(token);
    await watched.page.getByRole('button', { name: 'Connect' }).click();
  }
  /** Waits until the page says this. */
  const says = (text: string | RegExp) =>
    watched.page.getByRole('status').filter({ hasText: text }).waitFor();
  const button = (name: string) => watched.page.getByRole('button', { name, exact: true });

  it('sees their queue, approves one action and rejects another', async () => {
    const { page } = watched;
    await connect(gateway.token(42));
    await says(/^Sue Senior may decide \d+ actions\.$/);
    await button('Approve action 12345').click();
    await says('Action 12345 is approved.');
    await button('Reject action 12346').click();
    await says('Action 12346 is denied.');
    expect(await button('Approve action 12345').count()).toBe(0);
    expect(await button('Approve action 12351').count()).toBe(0);
    const stored = await gateway.database.sql(
      'SELECT id::int, status, decided_by::int, reason FROM actions WHERE id IN (12345, 12346) ORDER BY id',
    );
    expect(stored).toEqual([
      { id: 12345, status: 'approved', decided_by: 42, reason: 'Reviewed on a page' },
      { id: 12346, status: 'denied', decided_by: 42, reason: 'Reviewed on a page' },
    ]);
    expect(await violationsOn(page)).toEqual([]);
    expect(watched.problems).toEqual([]);
  });

  it('learns by code that another reviewer was faster', async () => {
    await connect(gateway.token(42));
    await button('Approve action 12348').waitFor();
    await gateway.rest('POST', '/api/v1/actions/12348/approve', { user: 2 });
    await button('Approve action 12348').click();
    await says('INVALID_STATE: Action is not pending approval (current status: approved)');
  });

  it('learns by code that their token is invalid', async () => {
    await connect('not.a.token');
    await says(/^INVALID_TOKEN: /);
  });
});
