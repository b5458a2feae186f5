import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import '../src/main';

/**
 * The gateway as `npm start` runs it, which on SIGUSR2 collects its garbage and prints how many bytes it still holds.
 */
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
process.on('SIGUSR2', () => {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  process.stdout.write(`held: ${String(heapUsed + external)}\n`);
});
