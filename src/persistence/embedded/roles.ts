import { type Client, escapeIdentifier, escapeLiteral } from 'pg';

import type { Passwords } from './cluster-record';
import { APPLICATION_TIMEOUTS, OWNER_TIMEOUTS, timeoutsSql } from '../connections/timeouts';
import { openConnection } from './lease';

export const ownerRole = 'countersign_owner';
export const applicationRole = 'countersign_app';
export const databaseName = 'countersign';

const setupLock = 0x6373_0002;

/** Returns a connection URL. The names and passwords in use need no escaping. */
export function connectionUrl(port: number, role: string, password: string, database: string): string {
  return `postgres://${role}:${password}@127.0.0.1:${String(port)}/${database}`;
}

/**
 * Brings the two roles and the database to the state that this code expects, from any state: the owner owns the
 * database and has no rights beyond it, the application may connect. Migrations grant rights on tables.
 *
 * @param urlOf returns the superuser's URL for a database
 */
export async function ensureRolesAndDatabase(
  urlOf: (database: string) => string,
  passwords: Passwords,
): Promise<void> {
  await withConnection(urlOf('postgres'), async (client) => {
    // One session at a time: PostgreSQL fails, rather than waits, when two sessions change the same role or grant.
    await client.query('SELECT pg_advisory_lock($1)', [setupLock]);
    await client.query('SET log_min_error_statement = panic'); // else a failing ALTER ROLE logs its password
    await ensureRole(client, ownerRole, passwords.owner);
    await ensureRole(client, applicationRole, passwords.application);
    await client.query(timeoutsSql(applicationRole, APPLICATION_TIMEOUTS));
    await client.query(timeoutsSql(ownerRole, OWNER_TIMEOUTS));
    const known = await client.query('SELECT FROM pg_database WHERE datname = $1', [databaseName]);
    if (known.rowCount === 0) {
      await client.query(`CREATE DATABASE ${databaseName} OWNER ${ownerRole} TEMPLATE template0`);
    }
    await client.query(`ALTER DATABASE ${databaseName} OWNER TO ${ownerRole}`);
    // In schema public only the owner may create anything, which is the default of template0 since PostgreSQL 15.
    // Access to the other databases is revoked too: from there the application could take the locks that show who uses
    // the server.
    await client.query(`REVOKE ALL ON DATABASE ${databaseName}, postgres, template1 FROM PUBLIC`);
    await client.query(`GRANT CONNECT ON DATABASE ${databaseName} TO ${ownerRole}, ${applicationRole}`);
  });
}

async function ensureRole(client: Client, role: string, password: string): Promise<void> {
  const known = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
  if (known.rowCount === 0) await client.query(`CREATE ROLE ${escapeIdentifier(role)}`);
  await client.query(
    `ALTER ROLE ${escapeIdentifier(role)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS ` +
      `PASSWORD ${escapeLiteral(password)}`,
  );
}

async function withConnection<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = await openConnection(url);
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
