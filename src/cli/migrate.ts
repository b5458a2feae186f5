import { runCommand } from './command';

// Every command prepares the installation as starting does, before it does anything itself; this one does just that.
void runCommand({
  usage: 'npm run --silent migrate',
  options: {},
  read: () => () => Promise.resolve(null),
});
