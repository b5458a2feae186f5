import { join } from 'node:path';
import '../src/app';
import { prepareBinaries } from '../src/persistence/embedded/binaries';
import { locateData } from '../src/persistence/embedded/data-location';
import { startServer, stopServer } from '../src/persistence/embedded/postmaster';

/**
 * The floor of a start: the gateway's modules are loaded, then PostgreSQL's own start on a warm data folder, and nothing
 * else. Prints `ready`, stops the server and ends.
 */
async function main(): Promise<void> {
  const [, , dataDir = ''] = process.argv;
  const quiet = (): void => undefined;
  const location = await locateData(dataDir, quiet);
  const { folder } = location.record;
  const binaries = await prepareBinaries({ ...location, folder: undefined, progress: quiet });
  const logFile = join(dataDir, 'postgres.log');
  const started = await startServer({ folder, binaries, user: location.user, logFile });
  if (!('pid' in started)) throw new Error(started.contention);
  process.stdout.write('ready\n');
  await stopServer(folder);
}

void main();
