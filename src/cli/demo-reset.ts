import { operatorOrigin } from '../operator';
import { resetArchive } from '../persistence/rollback/marks-folder';
import { runCommand } from './command';

void runCommand({
  usage: 'npm run demo:reset',
  options: {},
  isForDevelopment: true,
  read:
    () =>
    async ({ config, instance, say }) => {
      await instance.resetDemo(operatorOrigin(), () => {
        resetArchive(config.auditLog.archiveFolder);
      });
      say('the demo data is reset: tokens stay valid, API keys are removed');
      return null;
    },
});
