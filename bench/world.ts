import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sign } from 'jsonwebtoken';
import { Client, type QueryResultRow } from 'pg';
import { operatorOrigin } from '../src/operator';
import { Database } from '../src/persistence/sql/database';
import { openEmbeddedPostgres, type EmbeddedPostgres } from '../src/persistence/embedded/embedded-postgres';
import { migrate } from '../src/persistence/install/migrate';
import { SCHEMA } from '../src/persistence/install/schema';
import { Provisioning } from '../src/persistence/install/provisioning.store';
import { seedActions } from '../src/persistence/install/seed';
import type { Closables } from './closables';
import { addHistory, type Size } from './history';

/** A reviewer in the benchmark. */
export interface BenchReviewer {
  readonly userId: number;
  readonly subject: string;
  /** An RS256 JWT, valid for a day. */
  readonly token: string;
}

/** An installation with one busy organization, on its own PostgreSQL. */
export interface World {
  /** A temporary folder, removed at the end of the run. */
  readonly folder: string;
  /** The settings of a production gateway on this installation. */
  readonly settings: Readonly<Record<string, string>>;
  readonly organizationId: number;
  readonly reviewers: readonly BenchReviewer[];
  /** An admin's RS256 JWT, valid for a day. */
  readonly adminToken: string;
  /** An API key that may read actions. */
  readonly apiKey: string;
  /** Connected as the application role. */
  readonly database: Database;
  readonly applicationUrl: string;
  /** A superuser's connection to the installation's database. */
  readonly superuser: Client;
  /** The ids of the initial actions. */
  readonly actionIds: { readonly first: number; readonly last: number };
  /** The submission times of the initial decided actions. */
  readonly decidedBetween: { readonly from: Date; readonly to: Date };
  /** Returns how many statements the application role has sent so far. */
  countStatements(): Promise<number>;
  /** Adds pending actions in SQL. @returns their ids */
  addPending(count: number): Promise<readonly number[]>;
}

export const ISSUER = 'https://id.example';
const AUDIENCE = 'countersign';
const REVIEWERS = 200;
const TOKEN_LIFETIME = 86_400;

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
  const { organizationId, submitter, reviewers } = people;
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
    organizationId,
    reviewers,
    adminToken: people.adminToken,
    apiKey: people.apiKey,
    database: await open(postgres.applicationUrl, closables),
    applicationUrl: postgres.applicationUrl,
    superuser,
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

async function addPeople(
  owner: Database,
  tokenKey: string,
): Promise<{
  readonly organizationId: number;
  readonly submitter: number;
  readonly reviewers: readonly BenchReviewer[];
  readonly adminToken: string;
  readonly apiKey: string;
}> {
  const provisioning = new Provisioning(owner, operatorOrigin());
  const organizationId = await provisioning.addOrganization({ name: 'Busy', policy: {} });
  const common = { organizationId, maxRiskScore: null, active: true };
  const add = (name: string, role: 'user' | 'manager' | 'admin', level: number | null): Promise<number> =>
    provisioning.addUser(
      { ...common, name, role, approvalLevel: level },
      { issuer: ISSUER, subject: subjectOf(name) },
    );
  const administrator = 'Administrator';
  await add(administrator, 'admin', null);
  const submitter = await add('Submitter', 'user', null);
  const reviewers: BenchReviewer[] = [];
  for (let n = 1; n <= REVIEWERS; n += 1) {
    const name = `Reviewer ${String(n)}`;
    const subject = subjectOf(name);
    reviewers.push({ userId: await add(name, 'manager', 4), subject, token: tokenFor(subject, tokenKey) });
  }
  const { key: apiKey } = await provisioning.addApiKey({
    organizationId,
    name: 'poller',
    ownerId: submitter,
    expiresAt: null,
    scopes: ['actions:read'],
  });
  const adminToken = tokenFor(subjectOf(administrator), tokenKey);
  return { organizationId, submitter, reviewers, adminToken, apiKey };
}

function subjectOf(name: string): string {
  return name.toLowerCase().replaceAll(' ', '-');
}

function tokenFor(subject: string, key: string): string {
  return sign({}, key, {
    algorithm: 'RS256',
    issuer: ISSUER,
    audience: AUDIENCE,
    subject,
    expiresIn: TOKEN_LIFETIME,
  });
}

/** Generates the issuer's key pair, and the files that the gateway's settings name. */
function makeKeys(folder: string): { tokenKey: string; tokenPublicKey: string; auditKey: string } {
  const pem = { type: 'pkcs8', format: 'pem' } as const;
  const issuer = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const paths = {
    tokenPublicKey: join(folder, 'issuer.pem'),
    auditKey: join(folder, 'audit.pem'),
  };
  writeFileSync(paths.tokenPublicKey, issuer.publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(paths.auditKey, generateKeyPairSync('ed25519').privateKey.export(pem), { mode: 0o600 });
  return { tokenKey: issuer.privateKey.export(pem).toString(), ...paths };
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
