import { runCommand } from './command';

// Every command first prepares the installation as a start does. This command does nothing more.
void runCommand({
  usage: 'npm run --silent migrate',
  options: {},
  read: () => () => Promise.resolve(null),
});
