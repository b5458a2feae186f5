import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from '../../src/persistence/embedded/postmaster';

/** A PgBouncer in transaction mode, in front of a PostgreSQL server. */
export interface Pooler {
  /** The same login through the pooler. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Debian's nobody: PgBouncer refuses to run as root. */
const NOBODY = 65_534;

/** Starts a PgBouncer for one login to any database of its server. */
export async function startPooler(folder: string, login: string): Promise<Pooler> {
  const { hostname, port, username, password } = new URL(login);
  const listenPort = await freePort();
  const users = join(folder, 'pgbouncer.users');
  const config = join(folder, 'pgbouncer.ini');
  writeFileSync(users, `"${decodeURIComponent(username)}" "${decodeURIComponent(password)}"\n`);
  writeFileSync(
    config,
    `[databases]
* = host=${hostname} port=${port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${String(listenPort)}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = transaction
default_pool_size = 20
max_client_conn = 1000
query_wait_timeout = 5
log_connections = 0
log_disconnections = 0
`,
  );
  const isRoot = process.getuid?.() === 0;
  const child = spawn('pgbouncer', [config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(isRoot && { uid: NOBODY, gid: NOBODY }),
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)));
  const gone = new Promise<void>((resolve) => {
    child.once('close', resolve).once('error', (error) => {
      said += String(error);
      resolve();
    });
  });
  const failed = gone.then(() => Promise.reject(new Error(`PgBouncer did not run: ${said}`)));
  // Stopping it is no failure.
  failed.catch(() => undefined);
  while (!(await Promise.race([answers(listenPort), failed])))
    await new Promise((resolve) => setTimeout(resolve, 20));
  const url = new URL(login);
  url.port = String(listenPort);
  return {
    url: url.toString(),
    stop: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
      .once('connect', () => {
        socket.destroy();
        resolve(true);
      })
      .once('error', () => {
        resolve(false);
      });
  });
}
