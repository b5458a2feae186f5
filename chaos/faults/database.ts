import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import type { Fault } from '../fault';
import type { World } from '../world';

/** Holds a lock for a while in a separate session. */
async function hold(world: World, text: string, milliseconds: number): Promise<number> {
  const client = new Client({ connectionString: world.server.superuserUrl() });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query(text);
    await pause(milliseconds);
    await client.query('ROLLBACK');
  } finally {
    await client.end();
  }
  return 1;
}

/** Faults inside the database. */
export const databaseFaults: readonly Fault[] = [
  {
    name: 'actions locked',
    inject: (world) =>
      hold(
        world,
        `SELECT FROM actions WHERE organization_id = 1 AND status = 'pending_approval' ORDER BY id DESC LIMIT 2000 FOR UPDATE`,
        world.random.between(500, 3_000),
      ),
  },
  {
    name: 'organization locked',
    inject: (world) =>
      hold(world, 'SELECT FROM organizations WHERE id = 1 FOR UPDATE', world.random.between(500, 3_000)),
  },
  {
    name: 'audit log locked',
    inject: (world) => hold(world, 'LOCK TABLE audit_log IN SHARE MODE', world.random.between(500, 3_000)),
  },
  {
    name: 'database read-only',
    inject: async (world) => {
      await setReadOnly(world, true);
      await pause(world.random.between(500, 2_500));
      await setReadOnly(world, false);
      return 1;
    },
  },
];

/** Makes the database read-only, like a standby that connections can reach in a failover. */
async function setReadOnly(world: World, isReadOnly: boolean): Promise<void> {
  const setting = isReadOnly ? 'on' : 'off';
  await world.sql(`ALTER SYSTEM SET default_transaction_read_only = ${setting}`);
  await world.sql('SELECT pg_reload_conf()');
}
