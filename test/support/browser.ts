import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** Tests in a browser. Where there is none they are skipped, with a line that says so: nothing else needs one. */
export function describeInBrowser(title: string, tests: () => void): void {
  if (findChromium() !== null) {
    describe(title, tests);
    return;
  }
  process.stderr.write(`skipped "${title}": there is no Chromium; CHROMIUM can name one\n`);
  describe.skip(title, tests);
}

/** A Chromium of this machine: the one that CHROMIUM names, or else by its name; null where there is none. */
export function findChromium(): string | null {
  const named = process.env['CHROMIUM'];
  if (named !== undefined && named !== '') return named;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const paths = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return paths.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Starts an isolated Chromium, with a profile of its own that is removed afterwards.
 * @param host a name that means this
 * machine to it; a browser takes no page from there for safe
 */
export function startChromium(host = 'localhost'): Promise<Browser> {
  return chromium.launch({
    executablePath: findChromium() ?? '',
    timeout: 300_000,
    args: [
      '--headless',
      `--host-resolver-rules=MAP ${host} 127.0.0.1`,
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A page, and what went wrong on it: errors, violations of its policy, requests to another host. */
export interface Watched {
  readonly page: Page;
  readonly problems: string[];
}

/**
 * Opens a page in a browser context of its own, with empty storage, and watches all of it.
 * @param origins what it may
 * request from, beside its own
 */
export async function openWatched(
  browser: Browser,
  url: string,
  origins: readonly string[] = [],
): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  // A busy machine takes minutes to load the larger pages.
  context.setDefaultTimeout(300_000);
  const problems: string[] = [];
  await context.exposeFunction('reportViolation', (what: string) => problems.push(`violation: ${what}`));
  await context.addInitScript(`document.addEventListener('securitypolicyviolation', (event) =>
    reportViolation(event.violatedDirective + ' ' + event.blockedURI))`);
  context.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()}`);
  });
  context.on('weberror', (error) => problems.push(`error: ${error.error().message}`));
  context.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol !== 'data:' && ![new URL(url).origin, ...origins].includes(origin))
      problems.push(`request: ${request.url()}`);
  });
  const page = await context.newPage();
  await page.goto(url);
  return { page, problems };
}

/** A rule of axe-core that does not count for elements of a library's own markup. */
export interface Exception {
  readonly rule: string;
  /** Matches the library's elements alone, so that the same fault in an element of ours is found. */
  readonly selector: string;
  readonly reason: string;
}

/**
 * Runs axe-core on a page as it is.
 * @returns each violation by its rule and place, without those that an exception
 * names
 */
export async function violationsOn(
  page: Page,
  exceptions: readonly Exception[] = [],
): Promise<readonly string[]> {
  await page.evaluate(readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'));
  return page.evaluate(`axe.run({ elementRef: true }).then(({ violations }) => {
    const exceptions = ${JSON.stringify(exceptions)};
    const isExcepted = (id, element) =>
      exceptions.some(({ rule, selector }) => rule === id && element.matches(selector));
    return violations.flatMap(({ id, nodes }) =>
      nodes
        .filter(({ element }) => !isExcepted(id, element))
        .map(({ target, failureSummary }) => [id, target.join(' '), failureSummary].join(' ')));
  })`);
}
