import { spawn, type ChildProcess } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  chmodSync,
  chownSync,
  createWriteStream,
  mkdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client, type QueryResultRow } from 'pg';
import { freePort } from '../src/persistence/embedded/postmaster';
import {
  applicationRole,
  connectionUrl,
  databaseName,
  ensureRolesAndDatabase,
  ownerRole,
} from '../src/persistence/embedded/roles';
import { childOptions, runCommand, type ServerUser } from '../src/persistence/embedded/server-user';

/** The location of PostgreSQL's programs, and the user that runs them. */
export interface PostgresPrograms {
  /** The folder of initdb and postgres, and of pg_basebackup where standbys are possible. */
  readonly folder: string;
  /** Undefined for this process's own user. */
  readonly user: ServerUser | undefined;
}

const PASSWORDS = { superuser: 'chaos', owner: 'chaos', application: 'chaos' };

/** The time limit for a server to start, recover or stop, in milliseconds. */
const PATIENCE = 120_000;

/** A PostgreSQL server whose processes the run may kill, stop and restart. */
export class PostgresServer {
  private child: ChildProcess | null = null;

  /**
   * @param dataFolder the data folder of the cluster
   * @param port the port, which restarts keep
   */
  constructor(
    private readonly programs: PostgresPrograms,
    readonly dataFolder: string,
    readonly port: number,
  ) {}

  /** Creates and starts a cluster with the two roles and the database. */
  static async create(programs: PostgresPrograms, dataFolder: string): Promise<PostgresServer> {
    const server = new PostgresServer(programs, dataFolder, await freePort());
    server.makeFolder(dataFolder);
    const passwordFile = `${dataFolder}.password`;
    writeFileSync(passwordFile, PASSWORDS.superuser, { mode: 0o644 });
    await server.run('initdb', [
      '-D',
      dataFolder,
      '-U',
      'postgres',
      `--pwfile=${passwordFile}`,
      '-A',
      'scram-sha-256',
      '-N',
      '--no-locale',
      '-E',
      'UTF8',
    ]);
    rmSync(passwordFile);
    appendFileSync(
      join(dataFolder, 'postgresql.conf'),
      "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 200\nlc_messages = 'C'\n" +
        'wal_level = replica\nmax_wal_senders = 5\nhot_standby = on\nmax_wal_size = 192MB\nshared_buffers = 64MB\n',
    );
    appendFileSync(join(dataFolder, 'pg_hba.conf'), 'host replication postgres 127.0.0.1/32 scram-sha-256\n');
    await server.start();
    await ensureRolesAndDatabase((database) => server.superuserUrl(database), PASSWORDS);
    return server;
  }

  superuserUrl(database = databaseName): string {
    return connectionUrl(this.port, 'postgres', PASSWORDS.superuser, database);
  }

  /** @param port the port of a link in front of the server; the server's own by default */
  applicationUrl(port = this.port): string {
    return connectionUrl(port, applicationRole, PASSWORDS.application, databaseName);
  }

  /** @param port the port of a link in front of the server; the server's own by default */
  ownerUrl(port = this.port): string {
    return connectionUrl(port, ownerRole, PASSWORDS.owner, databaseName);
  }

  /** Starts the server and waits until it accepts queries, recovery included. */
  async start(): Promise<void> {
    const { user, folder } = this.programs;
    const log = createWriteStream(`${this.dataFolder}.log`, { flags: 'a' });
    await new Promise((resolve) => log.once('open', resolve));
    // The children of a killed server hold its shared memory until they notice; until then the start is tried again.
    for (const deadline = Date.now() + PATIENCE; ;) {
      const child = spawn(
        join(folder, 'postgres'),
        ['-D', this.dataFolder, '-c', `port=${String(this.port)}`],
        {
          ...childOptions(user),
          detached: true,
          stdio: ['ignore', log, log],
        },
      );
      const gone = new Promise<'gone'>((resolve) =>
        child.once('close', () => {
          resolve('gone');
        }),
      );
      this.child = child;
      if ((await Promise.race([gone, this.untilAnswering(deadline)])) !== 'gone') break;
      if (Date.now() > deadline) throw new Error(`PostgreSQL does not start: see ${this.dataFolder}.log`);
      await pause(100);
    }
    log.close();
  }

  /** Stops the server in fast mode and waits until it has ended. */
  async stop(): Promise<void> {
    await this.end('SIGINT');
  }

  /** Starts the server if it ended by itself. */
  async ensureRunning(): Promise<void> {
    const hasEnded = this.child === null || this.child.exitCode !== null || this.child.signalCode !== null;
    if (hasEnded) await this.start();
  }

  /** Deletes the data of a stopped server. */
  remove(): void {
    rmSync(this.dataFolder, { recursive: true, force: true });
  }

  /** Kills only the postmaster; its children notice and end by themselves. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Kills some of the processes that serve the application role; the postmaster then restarts all of them. */
  async killBackend(count: number): Promise<number> {
    const rows = await this.queryPatiently<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE usename = $1 AND backend_type = 'client backend' ORDER BY random() LIMIT $2`,
      [applicationRole, count],
    );
    for (const { pid } of rows) signal(pid, 'SIGKILL');
    return rows.length;
  }

  /** Stops (SIGSTOP) or continues all of the server's processes. */
  async freeze(isFrozen: boolean): Promise<void> {
    const name = isFrozen ? 'SIGSTOP' : 'SIGCONT';
    for (const pid of await this.processes()) signal(pid, name);
  }

  /** Runs SQL as the superuser, waiting while the server recovers. */
  async queryPatiently<Row extends QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    for (const deadline = Date.now() + PATIENCE; ;)
      try {
        return await this.query<Row>(text, values);
      } catch (error) {
        // An SQL error is final; a lost or refused connection is worth another attempt.
        const { severity = 'FATAL' } = error as { severity?: string };
        if (severity === 'ERROR' || Date.now() > deadline) throw error;
        await pause(50);
      }
  }

  /** Runs SQL as the superuser over a new connection. @param database the gateways' own by default */
  async query<Row extends QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
    database = databaseName,
  ): Promise<Row[]> {
    const connectionString = this.superuserUrl(database);
    const client = new Client({ connectionString, connectionTimeoutMillis: 20_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<Row>(text, [...values]);
      return rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** Whether the server can have standbys. */
  get canReplicate(): boolean {
    return existsSync(join(this.programs.folder, 'pg_basebackup'));
  }

  /** Creates a standby that follows this server. @param through the port of a link in front of this server */
  async makeStandby(dataFolder: string, through: number): Promise<PostgresServer> {
    const standby = new PostgresServer(this.programs, dataFolder, await freePort());
    standby.makeFolder(dataFolder);
    const source = `host=127.0.0.1 port=${String(through)} user=postgres password=${PASSWORDS.superuser} application_name=standby`;
    await standby.run('pg_basebackup', ['-D', dataFolder, '-d', source, '-R', '-c', 'fast', '-X', 'stream']);
    await standby.start();
    return standby;
  }

  /** Copies the data of a stopped server. */
  async copyTo(folder: string): Promise<void> {
    rmSync(folder, { recursive: true, force: true });
    await copyFolder(this.dataFolder, folder);
  }

  /** Replaces a stopped server's data by a copy. */
  async restoreFrom(folder: string): Promise<void> {
    rmSync(this.dataFolder, { recursive: true, force: true });
    await copyFolder(folder, this.dataFolder);
    rmSync(join(this.dataFolder, 'postmaster.pid'), { force: true });
  }

  private async untilAnswering(deadline: number): Promise<void> {
    while (Date.now() < deadline) {
      const isUp = await this.query('SELECT 1').then(
        () => true,
        // The database is created after the first start.
        (error: unknown) => (error as { code?: string }).code === '3D000',
      );
      if (isUp) return;
      await pause(30);
    }
    throw new Error(`PostgreSQL does not answer: see ${this.dataFolder}.log`);
  }

  private async end(name: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(name);
    await gone;
    this.child = null;
  }

  /** Returns the pids of the postmaster and its children, which may be in process groups of their own. */
  private async processes(): Promise<readonly number[]> {
    const postmaster = this.child?.pid;
    if (postmaster === undefined) return [];
    const text = await readFile(`/proc/${String(postmaster)}/task/${String(postmaster)}/children`, 'utf8');
    return [postmaster, ...text.trim().split(/\s+/).filter(Boolean).map(Number)];
  }

  private makeFolder(folder: string): void {
    const { user } = this.programs;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(dirname(folder), 0o755);
    if (user !== undefined) chownSync(folder, user.uid, user.gid);
  }

  private async run(program: string, args: readonly string[]): Promise<void> {
    const { folder, user } = this.programs;
    const { code, output, failure } = await runCommand(join(folder, program), args, user);
    if (code !== 0) throw new Error(`${program} failed: ${failure?.message ?? output}`);
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  const { code, output } = await runCommand('/bin/cp', ['-a', from, to]);
  if (code !== 0) throw new Error(`cannot copy ${from}: ${output}`);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
