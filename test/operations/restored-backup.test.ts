import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPrograms } from '../../chaos/programs';
import { PostgresServer, type PostgresPrograms } from '../../chaos/postgres-server';
import { databaseName, ownerRole } from '../../src/persistence/embedded/roles';
import { runCommand as runProgram } from '../../src/persistence/embedded/server-user';
import { runCommand, startProcess, stopAll, type RunningGateway, type Settings } from '../support/processes';

/** An operator restores an older backup under a running gateway, in the ways in which operators do it. */
let programs: PostgresPrograms;
let folder: string;
let server: PostgresServer;
let settings: Settings;
let gateway: RunningGateway;
/** A token of user 42's. */
let token: string;

beforeEach(async () => {
  programs = await findPrograms(() => undefined);
  folder = mkdtempSync(join(tmpdir(), 'countersign-restored-'));
  // As root PostgreSQL runs as another user, who needs access.
  chmodSync(folder, 0o755);
  server = await PostgresServer.create(programs, join(folder, 'server', 'data'));
  settings = {
    PORT: '0',
    DATA_DIR: join(folder, 'gateway'),
    DATABASE_URL: server.applicationUrl(),
    DATABASE_OWNER_URL: server.ownerUrl(),
    AUDIT_ARCHIVE_DIR: join(folder, 'archive'),
  };
  gateway = await startProcess(settings);
  token = (await runCommand('token', ['--user', '42'], settings)).stdout.trim();
});
afterEach(async () => {
  await stopAll();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** @param body makes it a POST; null for a GET */
async function ask(path: string, body: object | null = null): Promise<Answer> {
  const response = await fetch(`${gateway.url}${path}`, {
    method: body === null ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body !== null && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const approve = (id: number): Promise<Answer> => ask(`/api/v1/actions/${String(id)}/approve`, {});
const submit = (description: string): Promise<Answer> =>
  ask('/api/v1/actions/submit', {
    ...{ agent_id: 'agent', action_type: 'database_write', tool_name: 'sql' },
    description,
  });

async function untilReady(isSo: (answer: Answer) => boolean): Promise<void> {
  while (!isSo(await ask('/readyz'))) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** The newest id of each kind, and the oldest audit id of an accepted rollback. */
async function ids(): Promise<{ action: number; audit: number; accepted: number | null }> {
  const [row] = await server.query<Record<'action' | 'audit' | 'accepted', string | null>>(
    `SELECT (SELECT max(id) FROM actions) AS action, (SELECT max(id) FROM audit_log) AS audit,
       (SELECT min(id) FROM audit_log WHERE action_type = 'rollback_accepted') AS accepted`,
  );
  const accepted = row?.accepted ?? null;
  return {
    action: Number(row?.action),
    audit: Number(row?.audit),
    accepted: accepted === null ? null : Number(accepted),
  };
}

async function run(program: string, ...args: readonly string[]): Promise<void> {
  const { code, output } = await runProgram(join(programs.folder, program), args);
  if (code !== 0) throw new Error(`${program} failed: ${output}`);
}

/** Makes a backup, and returns what restores it. */
interface Backup {
  readonly name: string;
  /** A program that it needs. */
  readonly program: string;
  readonly make: () => Promise<() => Promise<void>>;
}

const BACKUPS: readonly Backup[] = [
  {
    name: 'by pg_dump and pg_restore',
    program: 'pg_dump',
    make: async () => {
      const file = join(folder, 'server', 'dump');
      await run('pg_dump', '-Fc', '-f', file, '-d', server.superuserUrl());
      return async () => {
        const statements = [`DROP DATABASE ${databaseName} WITH (FORCE)`];
        statements.push(`CREATE DATABASE ${databaseName} OWNER ${ownerRole}`);
        for (const statement of statements) await server.query(statement, [], 'postgres');
        await run('pg_restore', '-d', server.superuserUrl(), file);
      };
    },
  },
  {
    name: 'by a copy of the data folder',
    program: 'postgres',
    make: async () => {
      const copy = join(folder, 'server', 'copy');
      await server.stop();
      await server.copyTo(copy);
      await server.start();
      await untilReady(({ status }) => status === 200);
      return async () => {
        await server.stop();
        await server.restoreFrom(copy);
        await server.start();
      };
    },
  },
];

it.each(BACKUPS.map((backup) => [backup.name, backup] as const))(
  'an operator restores an older backup %s: nothing is submitted or decided until that is accepted, and no id is given twice',
  async (name, { program, make }) => {
    if (!existsSync(join(programs.folder, program))) {
      process.stdout.write(`skipped: ${name}: there is no ${program} in ${programs.folder}\n`);
      return;
    }
    expect((await approve(12348)).status).toBe(200);
    const restore = await make();
    expect((await submit('drop table customers')).status).toBe(200);
    expect((await approve(12345)).status).toBe(200);
    const given = await ids();
    await restore();
    expect((await ids()).audit).toBeLessThan(given.audit);

    await untilReady(({ status, body }) => status === 503 && String(body['detail']).includes('rolled back'));
    expect((await ask('/readyz')).body['detail']).toContain('npm run audit:accept-rollback');
    for (const refused of [await submit('read a page'), await approve(12345), await approve(12346)])
      expect([refused.status, refused.body['error_code']]).toEqual([503, 'SERVICE_UNAVAILABLE']);

    const command = await runCommand('accept-rollback', ['--reason', 'the disk was lost'], settings);
    expect([command.code, command.stderr]).toEqual([0, expect.not.stringContaining('rror')]);
    await untilReady(({ status }) => status === 200);
    expect((await ids()).accepted).toBeGreaterThan(given.audit);
    const next = await submit('read a page');
    expect(next.status).toBe(200);
    expect(next.body['action_id']).toBeGreaterThan(given.action);
    for (const id of [12345, 12346]) expect((await approve(id)).status).toBe(200);
  },
);
