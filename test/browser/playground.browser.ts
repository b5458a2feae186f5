import type { Browser, Page } from 'playwright-core';
import {
  describeInBrowser,
  openWatched,
  startChromium,
  violationsOn,
  type Exception,
  type Watched,
} from '../support/browser';
import { startGateway, type Gateway } from '../support/gateway';
import { sealingOf, type Sealing } from '../support/sealed-log';

/** What belongs to GraphiQL's own markup. */
const EXCEPTIONS: readonly Exception[] = [
  {
    rule: 'nested-interactive',
    selector: '.graphiql-tabs > li.graphiql-tab',
    reason: 'A tab holds the buttons that choose and close it, each of which the keyboard reaches.',
  },
  {
    rule: 'scrollable-region-focusable',
    selector: '.graphiql-container .CodeMirror > .CodeMirror-scroll',
    reason: 'An editor scrolls with the cursor; its field, which has the focus, stands beside its text.',
  },
];

/** The playground in an analyst's browser, of a gateway in production. Every test fails on any problem of the page. */

describeInBrowser('an analyst in a browser', () => {
  let gateway: Gateway;
  let sealing: Sealing;
  let browser: Browser;
  let watched: Watched;
  let page: Page;

  beforeAll(async () => {
    gateway = await startGateway({ anonymousIntrospection: false });
    sealing = sealingOf(gateway.database);
    const body = { reason: 'Reviewed' };
    await gateway.rest('POST', '/api/v1/actions/12345/approve', { user: 42, body });
    await gateway.rest('POST', '/api/v1/actions/12351/approve', { user: 42 });
    await sealing.seal();
    browser = await startChromium();
  });
  afterAll(async () => {
    await browser.close();
    sealing.close();
    await gateway.close();
  });
  beforeEach(async () => {
    watched = await openWatched(browser, `${gateway.url}/playground`);
    ({ page } = watched);
    await page.getByRole('tab').first().waitFor();
  });
  afterEach(async () => {
    await page.context().close();
    expect(watched.problems).toEqual([]);
  });

  const status = () => page.getByRole('status');
  const tab = (name: string) => page.getByRole('tab', { name });
  const runButton = () => page.getByRole('button', { name: 'Execute query (Ctrl-Enter)' });
  /** The same once GraphiQL knows that there are several operations to choose from. */
  const chooseButton = () => page.locator('button[aria-haspopup="menu"][aria-label^="Execute query"]');

  async function connect(token = gateway.token(4)): Promise<void> {
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
  }

  async function connected(): Promise<void> {
    await page.getByText('Connected as Ann Analyst (user)').waitFor();
  }

  /** The answer on the page, once there is one. */
  async function answer(): Promise<any> {
    const shown = page.locator('.result-window .CodeMirror');
    const handle = await page.waitForFunction(
      (editor) => {
        const text = (editor as unknown as { CodeMirror: { getValue(): string } }).CodeMirror.getValue();
        return text.includes('\n}') ? text : null;
      },
      await shown.elementHandle(),
    );
    const answered = JSON.parse((await handle.jsonValue()) ?? '');
    expect(answered.errors).toBeUndefined();
    return answered.data;
  }

  /** Everything that the page left in the browser's storage. */
  const stored = (): Promise<string> =>
    page.evaluate(`JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])`);

  /** The tabs that the page creates each time. */
  const STARTERS = [
    ...['DecisionsOfTheLastWeek', 'OneAction', 'OneReviewer', 'DeniedAttempts', 'SummaryPerDay'],
    'InclusionProof',
  ];

  async function tabNames(): Promise<string[]> {
    const names = await page.getByRole('tab').allTextContents();
    return names.map((name) => name.replace(/ icon$/, ''));
  }

  /** Waits until GraphiQL has stored a tab, which it does a while after the last change. */
  async function tabsStored(name: string): Promise<void> {
    await page.waitForFunction(
      (text) => (globalThis as any).localStorage.getItem('graphiql:tabState')?.includes(text) === true,
      name,
    );
  }

  it('pastes a token, runs each tab as it opens, and sees rows', async () => {
    await connect();
    await connected();
    const rows: Readonly<Record<string, (data: any) => unknown>> = {
      DecisionsOfTheLastWeek: (data) => data.auditLogs.edges[0].node.action.id,
      OneAction: (data) => data.action.id,
      DeniedAttempts: (data) => data.auditLogs.edges[0].node.actionId,
      SummaryPerDay: (data) => data.auditSummary[0].approved,
      InclusionProof: (data) => JSON.parse(data.auditInclusionProof.canonical).action_id,
    };
    const seen: unknown[] = [];
    for (const [name, row] of Object.entries(rows)) {
      await tab(name).click();
      await runButton().click();
      seen.push(row(await answer()));
    }
    expect(seen).toEqual(['12345', '12345', '12351', 1, 12345]);
  });

  it('is asked which of several operations in a tab to run', async () => {
    await connect();
    await connected();
    await tab('OneReviewer').click();
    await chooseButton().click();
    await page.getByRole('menuitem', { name: 'OneReviewer' }).click();
    expect((await answer()).auditLogs.edges[0].node.actor.name).toBe('Sue Senior');
    await tab('OneAction').click();
    await tab('OneReviewer').click();
    await chooseButton().click();
    await page.getByRole('menuitem', { name: 'ReviewersCompared' }).click();
    await tab('ReviewersCompared').waitFor();
    const reviewers = page.locator('.result-window', { hasText: 'medianSecondsToDecide' });
    await reviewers.waitFor();
    expect((await answer()).auditSummary[0]).toMatchObject({ key: '42', approved: 1 });
  });

  it('reads the schema once they are connected, and their settings in a dialog', async () => {
    await connect();
    await connected();
    await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
    await page.getByRole('link', { name: 'Query', exact: true }).click();
    await page.getByText("Your organization's audit log.", { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Open settings dialog' }).click();
    await page.getByRole('button', { name: 'Dark' }).click();
    await page.getByRole('button', { name: 'Close dialog' }).click();
    expect(await page.locator('body.graphiql-dark').count()).toBe(1);
  });

  it('leaves no token behind, and has to paste it again after a reload', async () => {
    const token = gateway.token(4);
    await connect(token);
    await connected();
    await runButton().click();
    await answer();
    await tabsStored('DecisionsOfTheLastWeek');
    expect(await stored()).not.toContain(token.slice(0, 20));
    expect(await page.getByLabel('Token').inputValue()).toBe('');
    await page.reload();
    await page.getByText('Paste a token to connect').waitFor();
  });

  it('stays connected after a reload if they want to be remembered, and until they do not', async () => {
    const token = gateway.token(4);
    await page.getByLabel('Remember on this device').check();
    await connect(token);
    await connected();
    expect(await stored()).toContain(token);
    await page.reload();
    await connected();
    await page.getByLabel('Remember on this device').uncheck();
    expect(await stored()).not.toContain(token);
    await page.getByLabel('Remember on this device').check();
    expect(await stored()).toContain(token);
    await page.getByRole('button', { name: 'Disconnect' }).click();
    expect(await status().textContent()).toBe('Disconnected.');
    expect(await stored()).not.toContain(token);
  });

  it('finds a tab of their own again, behind the default ones', async () => {
    await connect();
    await connected();
    await page.getByRole('button', { name: 'New tab' }).click();
    await page.locator('.graphiql-query-editor .CodeMirror').click();
    await page.keyboard.press('Control+A');
    await page.keyboard.insertText('query WhoAmI { viewer { name } }');
    await tabsStored('WhoAmI');
    await page.reload();
    await connect();
    await connected();
    await tab('WhoAmI').click();
    await runButton().click();
    expect(await answer()).toEqual({ viewer: { name: 'Ann Analyst' } });
    expect(await tabNames()).toEqual([...STARTERS, 'WhoAmI']);
  });

  it('does not find a new tab again in which they wrote nothing', async () => {
    await connect();
    await connected();
    await page.getByRole('button', { name: 'New tab' }).click();
    await tabsStored('A new tab');
    await page.reload();
    await connect();
    await connected();
    await tab('InclusionProof').waitFor();
    expect(await tabNames()).toEqual(STARTERS);
  });

  it('leaves an editor by the keyboard: Escape, then Tab; Tab alone indents', async () => {
    const inEditor = () =>
      page.evaluate(`document.activeElement.closest('.graphiql-query-editor .CodeMirror') !== null`);
    await page.locator('.graphiql-query-editor .CodeMirror').click();
    await page.keyboard.press('Tab');
    expect(await inEditor()).toBe(true);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Tab');
    expect(await inEditor()).toBe(false);
    await page.locator('.graphiql-query-editor .CodeMirror').click();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Shift+Tab');
    expect(await inEditor()).toBe(false);
  });

  it('sees the query and the answer one above the other on a telephone, whole and without scrolling sideways', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await connect();
    await connected();
    await runButton().click();
    expect((await answer()).auditLogs.edges[0].node.action.id).toBe('12345');
    const editors = await page.locator('.graphiql-editors').boundingBox();
    const response = await page.locator('.graphiql-response').boundingBox();
    for (const box of [editors, response]) {
      expect(box?.width).toBeGreaterThan(300);
      expect(box?.height).toBeGreaterThan(300);
      expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(390);
    }
    expect(response?.y).toBeGreaterThanOrEqual((editors?.y ?? 0) + (editors?.height ?? 0));
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
  });

  it.each([1440, 390])('uses it with assistive technology, %i pixels wide', async (width) => {
    await page.setViewportSize({ width, height: 844 });
    expect(await violationsOn(page, EXCEPTIONS)).toEqual([]);
    await connect();
    await connected();
    await runButton().click();
    await answer();
    expect(await violationsOn(page, EXCEPTIONS)).toEqual([]);
  });

  it('learns what is wrong with a token, which is not kept', async () => {
    await page.getByLabel('Remember on this device').check();
    await connect('not.a.token');
    await page.getByText('Not connected:').waitFor();
    expect(await stored()).not.toContain('not.a.token');
    // The browser itself notes a 401; nothing else may be noted.
    const [noted = '', ...more] = watched.problems.splice(0);
    expect([noted, more]).toEqual([expect.stringContaining('401'), []]);
  });
});
