import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { prepareBinaries } from '../src/persistence/embedded/binaries/binaries';
import { chooseServerUser } from '../src/persistence/embedded/server-user';
import type { PostgresPrograms } from './postgres-server';

/** Debian's PostgreSQL. It has pg_basebackup and pg_dump, which the embedded one lacks. */
const DEBIAN = '/usr/lib/postgresql/15/bin';

/** Finds Debian's PostgreSQL 15, or else the embedded one. @param say receives progress messages */
export async function findPrograms(say: (line: string) => void): Promise<PostgresPrograms> {
  const user = await chooseServerUser(undefined);
  if (existsSync(join(DEBIAN, 'postgres'))) return { folder: DEBIAN, user };
  const { postgres } = await prepareBinaries({ folder: undefined, user, dataDir: '/tmp', progress: say });
  return { folder: join(postgres, '..'), user };
}
