import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findChromium, startChromium } from './browser';
import { runCommand, startProcess, stopAll } from './processes';

// `npm run screenshots` takes the README's picture: the playground of the demo data, in a Chromium.
const PICTURE = join(__dirname, '..', '..', 'docs', 'playground.png');
const SIZE = { width: 1280, height: 720 };
/** Who decides which actions before the picture is taken, and how. */
const DECISIONS = [
  [2, 12350, 'approve', 'Change window confirmed'],
  [42, 12346, 'reject', 'Wrong environment'],
  [7, 12351, 'approve', 'Approved by the CISO'],
  [42, 12345, 'approve', 'Reviewed and approved'],
] as const;

async function takeScreenshots(): Promise<void> {
  if (findChromium() === null) throw new Error('There is no Chromium; CHROMIUM can name one');
  const scratch = await mkdtemp(join(tmpdir(), 'countersign-screenshots-'));
  // As root the server runs as another user, who needs access to the data in here.
  await chmod(scratch, 0o755);
  // Where the processes' output is kept, which the tests' set-up chooses otherwise.
  process.env['TEST_DATA_DIR'] = scratch;
  const settings = { DATA_DIR: join(scratch, 'data'), PORT: '0' };
  try {
    const { url } = await startProcess(settings);
    const tokenOf = async (user: number): Promise<string> =>
      (await runCommand('token', ['--user', String(user)], settings)).stdout.trim();
    for (const [user, action, verdict, reason] of DECISIONS) {
      const { status } = await fetch(`${url}/api/v1/actions/${String(action)}/${verdict}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${await tokenOf(user)}`, 'content-type': 'application/json' },
        body: JSON.stringify({ reason }),
      });
      if (status !== 200) throw new Error(`Action ${String(action)} was answered ${String(status)}`);
    }
    await takePlayground(url, await tokenOf(4));
  } finally {
    await stopAll();
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The playground with the answer of its first tab. */
async function takePlayground(url: string, token: string): Promise<void> {
  const browser = await startChromium();
  try {
    const page = await browser.newPage({ viewport: SIZE });
    await page.goto(`${url}/playground`);
    await page.getByRole('tab').first().waitFor();
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await page.getByText('Connected as').waitFor();
    await page.getByRole('button', { name: 'Execute query (Ctrl-Enter)' }).click();
    await page.locator('.result-window').getByText('Cleo CISO').first().waitFor();
    await page.screenshot({ path: PICTURE });
  } finally {
    await browser.close();
  }
}

void takeScreenshots();
