import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { install, type Installation } from '../support/installation';
import { runCommand, startProcess, type RunningGateway } from '../support/processes';

/** A developer who played with the demo data and wants it back, while the gateway runs. */
let installation: Installation;
let settings: { DATA_DIR: string; PORT: string };
let gateway: RunningGateway;
let token: string;

beforeAll(async () => {
  installation = await install();
  ({ settings, gateway } = installation);
  token = (await runCommand('token', ['--user', '42'], settings)).stdout.trim();
});
afterAll(() => installation.remove());

const rows: Installation['rows'] = (text, values) => installation.rows(text, values);

async function call(path: string, body?: unknown): Promise<{ status: number; body: any }> {
  const response = await fetch(gateway.url + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text };
}

const approve = () => call('/api/v1/actions/12345/approve', {});

/** Waits until everything in the log is sealed and archived. */
async function sealed(): Promise<string> {
  const archive = join(settings.DATA_DIR, 'audit-checkpoints', 'organization-1.checkpoints');
  for (;;) {
    const [row] = await rows(
      'SELECT (SELECT count(*)::int FROM audit_pending) AS waiting, max(note) AS note FROM audit_checkpoint WHERE organization_id = 1 AND tree_size = (SELECT max(tree_size) FROM audit_checkpoint WHERE organization_id = 1)',
    );
    const note = String(row?.['note']);
    const kept = existsSync(archive) ? readFileSync(archive, 'utf8') : '';
    if (row?.['waiting'] === 0 && kept.endsWith(`${note}\n`)) return kept;
    await pause(50);
  }
}

it('a developer restores the demo data while the gateway runs, and everything works as after the first start', async () => {
  expect((await approve()).status).toBe(200);
  expect((await approve()).body.error_code).toBe('INVALID_STATE');
  const key = (
    await runCommand('api-key', ['--organization', '1', '--name', 'mine'], settings)
  ).stdout.trim();
  const before = await sealed();

  const { code, stdout, stderr } = await runCommand('demo-reset', [], settings);
  expect([code, stdout, stderr]).toEqual([0, '', expect.stringContaining('API keys are removed')]);

  const DEMO = `SELECT (SELECT count(*)::int FROM organizations) AS organizations, (SELECT count(*)::int FROM users) AS users,
    (SELECT count(*)::int FROM actions WHERE status = 'pending_approval') AS pending, (SELECT count(*)::int FROM api_keys) AS keys,
    (SELECT count(*)::int FROM audit_log WHERE action_id IS NOT NULL) AS decided`;
  expect(await rows(DEMO)).toEqual([{ organizations: 2, users: 11, pending: 56, keys: 0, decided: 0 }]);
  // The earlier token is still valid: its log-in was kept.
  expect(await approve()).toMatchObject({ status: 200, body: { approved_by: 42 } });
  const headers = { 'x-api-key': key };
  expect((await fetch(`${gateway.url}/api/v1/actions/12346`, { headers })).status).toBe(401);

  // A new log, sealed and archived again; nothing is left of the archive that the database would be compared with.
  const after = await sealed();
  expect(after.split('\n')[2]).not.toBe(before.split('\n')[2]);
  token = (await runCommand('token', ['--user', '1'], settings)).stdout.trim();
  const verified = await call('/graphql', { query: '{ verifyAuditLog { isIntact faultCount } }' });
  expect(verified.body).toEqual({ data: { verifyAuditLog: { isIntact: true, faultCount: 0 } } });
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
  expect(gateway.lines.filter((line) => line.startsWith('{'))).toEqual([]);

  // A restart compares the new log with its archive.
  gateway.signal('SIGINT');
  await gateway.finished;
  gateway = await startProcess(settings);
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
  expect(await call('/api/v1/actions/12347/approve', {})).toMatchObject({
    status: 200,
    body: { approved_by: 1 },
  });
  expect((await sealed()).length).toBeGreaterThan(after.length);
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
  expect(gateway.lines.filter((line) => line.startsWith('{'))).toEqual([]);
});

it('a developer cannot reset a database that is not the demo data, and it stays unchanged', async () => {
  await rows("UPDATE organizations SET name = 'Ours' WHERE id = 2");
  const { code, stderr } = await runCommand('demo-reset', [], settings);
  expect([code, stderr]).toEqual([1, expect.stringContaining('does not hold the demo data')]);
  expect((await approve()).body.error_code).toBe('INVALID_STATE');
  expect(await rows('SELECT name FROM organizations ORDER BY id')).toEqual([
    { name: 'Acme' },
    { name: 'Ours' },
  ]);
});
