import { runCommand } from './command';
import { distributionOf } from '../persistence/install/distribute';

void runCommand({
  usage: 'npm run --silent distribute [-- --apply]',
  options: { apply: { type: 'boolean' } },
  read:
    ({ apply }) =>
    async ({ instance, say }) => {
      const { hasCitus, statements } = await distributionOf(instance.owner);
      if (apply === undefined) return statements.map((sql) => `${sql};`).join('\n') || null;
      if (!hasCitus)
        throw new Error(
          'This database has no extension citus. Create it on the coordinator and add the workers first (docs/scaling.md)',
        );
      const session = await instance.owner.session(undefined, null);
      try {
        for (const [index, text] of statements.entries()) {
          say(text);
          await session.query({ name: `distribute_${String(index)}`, text, isOneOff: true }, []);
        }
      } finally {
        session.release(true);
      }
      say(statements.length === 0 ? 'everything is distributed already' : 'everything is distributed');
      return null;
    },
});
