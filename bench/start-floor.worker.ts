import { join } from 'node:path';
import '../src/app';
import { prepareBinaries } from '../src/persistence/embedded/binaries/binaries';
import { locateData } from '../src/persistence/embedded/data-location';
import { startServer, stopServer } from '../src/persistence/embedded/postmaster';

/**
 * The floor of a start: loads the gateway's modules, then starts PostgreSQL alone on a warm data folder. Prints
 * `ready`, stops the server and ends.
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
