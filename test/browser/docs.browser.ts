import type { Browser } from 'playwright-core';
import { describeInBrowser, openWatched, startChromium, violationsOn } from '../support/browser';
import { startGateway, type Gateway } from '../support/gateway';

describeInBrowser('a developer in a browser', () => {
  let gateway: Gateway;
  let browser: Browser;

  beforeAll(async () => {
    gateway = await startGateway();
    browser = await startChromium();
  });
  afterAll(async () => {
    await browser.close();
    await gateway.close();
  });

  it('gets from the root address to the REST API, searches it, and tries out an approval', async () => {
    const watched = await openWatched(browser, `${gateway.url}/`);
    const { page } = watched;
    expect(await violationsOn(page)).toEqual([]);
    await page.getByRole('link', { name: 'REST API' }).click();
    const operations = page.locator('.opblock');
    await operations.first().waitFor();
    const all = await operations.count();
    await page.getByPlaceholder('Search paths and descriptions').fill('approve action');
    // A function, not a text: the page's policy forbids evaluating one.
    await page.waitForFunction(
      (count) => (globalThis as any).document.querySelectorAll('.opblock').length < count,
      all,
    );
    await page.getByRole('button', { name: 'Authorize' }).click();
    await page.locator('#auth-bearer-value').fill(gateway.token(42));
    await page.locator('.auth-btn-wrapper .authorize').first().click();
    await page.locator('.auth-btn-wrapper .btn-done').first().click();
    await page.locator('#operations-Actions-approveAction .opblock-summary-control').click();
    await page.getByRole('button', { name: 'Try it out' }).click();
    await page.getByRole('button', { name: 'Execute' }).click();
    await page.locator('.live-responses-table', { hasText: '"approved_by": 42' }).waitFor();
    const [action] = await gateway.database.sql('SELECT status, reason FROM actions WHERE id = 12345');
    expect(action).toEqual({ status: 'approved', reason: 'Reviewed and approved' });
    expect(watched.problems).toEqual([]);
    await page.context().close();
  });

  it.each([1440, 390])('reads the REST API with assistive technology, %i pixels wide', async (width) => {
    const watched = await openWatched(browser, `${gateway.url}/docs`);
    const { page } = watched;
    await page.setViewportSize({ width, height: 844 });
    await page.locator('.opblock').first().waitFor();
    expect(await violationsOn(page)).toEqual([]);
    await page.locator('#operations-Actions-approveAction .opblock-summary-control').click();
    await page.locator('#operations-Actions-approveAction .example.microlight').first().waitFor();
    expect(await page.evaluate('location.hash')).toBe('#/Actions/approveAction');
    expect(await violationsOn(page)).toEqual([]);
    await page.locator('#operations-Actions-approveAction .opblock-summary-control').click();
    // Its parameters are fields to choose from.
    await page.locator('#operations-Actions-listActions .opblock-summary-control').click();
    await page.locator('#operations-Actions-listActions .example.microlight').first().waitFor();
    expect(await violationsOn(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    expect(watched.problems).toEqual([]);
    await page.context().close();
  });
});
