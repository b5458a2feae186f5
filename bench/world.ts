import { chmodSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type QueryResultRow } from 'pg';
import { Database } from '../src/persistence/sql/database';
import { openEmbeddedPostgres, type EmbeddedPostgres } from '../src/persistence/embedded/embedded-postgres';
import { findServer } from '../src/persistence/embedded/postmaster';
import { migrate } from '../src/persistence/install/migrate';
import { SCHEMA } from '../src/persistence/install/schema';
import { seedActions } from '../src/persistence/install/seed';
import type { Closables } from './closables';
import { addHistory, type Size } from './history';
import { addPeople, ISSUER, makeKeys, type People } from './people';

/** An installation with one busy organization, on its own PostgreSQL. */
export interface World extends Omit<People, 'submitter'> {
  /** A temporary folder, removed at the end of the run. */
  readonly folder: string;
  /** The settings of a production gateway on this installation. */
  readonly settings: Readonly<Record<string, string>>;
  /** Connected as the application role. */
  readonly database: Database;
  readonly applicationUrl: string;
  /** A superuser's connection to the installation's database. */
  readonly superuser: Client;
  /** The process id of PostgreSQL's first process, whose children are all others. */
  readonly postmaster: number;
  /** The process id of the superuser's backend, which works for the benchmark and for nothing that is measured. */
  readonly ownBackend: number;
  /** The ids of the initial actions. */
  readonly actionIds: { readonly first: number; readonly last: number };
  /** The submission times of the initial decided actions. */
  readonly decidedBetween: { readonly from: Date; readonly to: Date };
  /** Returns how many statements the application role has sent so far. */
  countStatements(): Promise<number>;
  /** Adds pending actions in SQL. @returns their ids */
  addPending(count: number): Promise<readonly number[]>;
}

/** Creates a world. `closables` receives everything that it starts or writes. */
export async function makeWorld(size: Size, closables: Closables): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-bench-'));
  // As root, PostgreSQL runs as another user. Without access, it would keep its cluster elsewhere and leave it behind.
  chmodSync(folder, 0o755);
  closables.add(async () => rm(folder, { recursive: true, force: true }));
  // Closing waits for a start in progress; otherwise a server would start in a folder that was removed.
  const opening = openPostgres(folder);
  closables.add(async () => (await opening).release());
  const postgres = await opening;
  const superuser = new Client({ connectionString: inDatabase(postgres.superuserUrl, postgres.ownerUrl) });
  superuser.on('error', () => undefined);
  await superuser.connect();
  closables.add(() => superuser.end());
  await superuser.query('CREATE EXTENSION pg_stat_statements');
  const owner = await open(postgres.ownerUrl, closables);
  await migrate(owner, new URL(postgres.applicationUrl).username);
  const keys = makeKeys(folder);
  const people = await addPeople(owner, keys.tokenKey);
  const { submitter, ...everybody } = people;
  const { organizationId, reviewers } = everybody;
  await addHistory(
    superuser,
    organizationId,
    { submitter, reviewers: reviewers.map(({ userId }) => userId) },
    size,
  );
  return {
    folder,
    settings: {
      NODE_ENV: 'production',
      RATE_LIMIT_PER_MINUTE: 'off',
      PORT: '0',
      DATA_DIR: join(folder, 'gateway'),
      DATABASE_URL: postgres.applicationUrl,
      DATABASE_OWNER_URL: postgres.ownerUrl,
      TOKEN_ISSUER: ISSUER,
      TOKEN_PUBLIC_KEY: keys.tokenPublicKey,
      AUDIT_SIGNING_KEY: keys.auditKey,
    },
    ...everybody,
    database: await open(postgres.applicationUrl, closables),
    applicationUrl: postgres.applicationUrl,
    superuser,
    ...(await processesOf(postgres, superuser)),
    ...(await extent(superuser, organizationId)),
    countStatements: async () => {
      const { calls } = await one<{ calls: number }>(superuser, STATEMENTS, [
        new URL(postgres.applicationUrl).username,
      ]);
      return calls;
    },
    addPending: async (count) => {
      const added = await seedActions(owner, organizationId, count);
      if (added === null) throw new Error('Nobody is there to submit actions');
      return Array.from({ length: count }, (_, index) => added.first + index);
    },
  };
}

const STATEMENTS = `SELECT coalesce(sum(calls), 0)::double precision AS calls FROM pg_stat_statements
  WHERE userid = (SELECT oid FROM pg_roles WHERE rolname = $1)`;

async function processesOf(
  { dataFolder }: EmbeddedPostgres,
  superuser: Client,
): Promise<Pick<World, 'postmaster' | 'ownBackend'>> {
  const server = await findServer(dataFolder);
  if (server === undefined) throw new Error('PostgreSQL does not run');
  const { pid } = await one<{ pid: number }>(superuser, 'SELECT pg_backend_pid() AS pid');
  return { postmaster: server.pid, ownBackend: pid };
}

async function extent(
  superuser: Client,
  organizationId: number,
): Promise<Pick<World, 'actionIds' | 'decidedBetween'>> {
  const { first, last, from, to } = await one<{ first: number; last: number; from: Date; to: Date }>(
    superuser,
    `SELECT min(id) AS first, max(id) AS last, min(submitted_at) FILTER (WHERE status = 'approved') AS from,
       max(submitted_at) FILTER (WHERE status = 'approved') AS to
     FROM actions WHERE organization_id = $1`,
    [organizationId],
  );
  return { actionIds: { first, last }, decidedBetween: { from, to } };
}

async function one<Row extends QueryResultRow>(
  client: Client,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row> {
  const { rows } = await client.query<Row>(text, [...values]);
  const [row] = rows;
  if (row === undefined) throw new Error(`No row: ${text}`);
  return row;
}

/** Starts PostgreSQL as the gateway does, with statistics of its statements, which need a restart. */
async function openPostgres(folder: string): Promise<EmbeddedPostgres> {
  const dataDir = join(folder, 'data');
  const first = await openEmbeddedPostgres({ dataDir });
  const admin = new Client({ connectionString: first.superuserUrl });
  try {
    await admin.connect();
    await admin.query(`ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'`);
    await admin.end();
  } finally {
    await first.release();
  }
  return openEmbeddedPostgres({ dataDir });
}

async function open(url: string, closables: Closables): Promise<Database> {
  const database = await new Database({
    url,
    poolSize: 4,
    tls: false,
    preparedStatements: false,
    schema: SCHEMA,
  }).connect();
  closables.add(() => database.close());
  return database;
}

function inDatabase(url: string, other: string): string {
  const changed = new URL(url);
  changed.pathname = new URL(other).pathname;
  return changed.toString();
}

/** @throws {Error} unless all of these actions are approved, each exactly once */
export async function checkApproved(
  { superuser, organizationId }: World,
  ids: readonly number[],
): Promise<void> {
  const { approved } = await one<{ approved: number }>(
    superuser,
    `SELECT count(*) AS approved FROM actions
     WHERE organization_id = $1 AND id = ANY($2) AND status = 'approved' AND version = 2`,
    [organizationId, ids],
  );
  if (approved !== ids.length)
    throw new Error(`Of ${String(ids.length)} actions ${String(approved)} were approved`);
}

/** Returns how many actions these users have submitted, of which the submission is in the audit log as well. */
export async function countSubmitted(
  { superuser, organizationId }: World,
  owners: readonly number[],
): Promise<number> {
  const { submitted } = await one<{ submitted: number }>(
    superuser,
    `SELECT count(*)::integer AS submitted FROM actions a
       JOIN audit_log l ON l.organization_id = a.organization_id AND l.action_id = a.id AND l.action_type = 'action_submitted'
     WHERE a.organization_id = $1 AND a.submitted_by = ANY($2)`,
    [organizationId, owners],
  );
  return submitted;
}
