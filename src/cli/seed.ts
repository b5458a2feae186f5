import { seedActions } from '../persistence/install/seed';
import { idOption, numberOption, required, runCommand, UsageError } from './command';

const MAX_ACTIONS = 10_000_000;

void runCommand({
  usage: 'npm run --silent seed -- --actions 100000 [--organization 1]',
  options: { actions: { type: 'string' }, organization: { type: 'string', default: '1' } },
  read: (values) => {
    const count = required(numberOption(values, 'actions', { min: 1, max: MAX_ACTIONS }), 'actions');
    if (!Number.isInteger(count)) throw new UsageError('--actions has to be a whole number');
    const organizationId = required(idOption(values, 'organization'), 'organization');
    return async ({ instance }) => {
      const ids = await seedActions(instance.owner, organizationId, count);
      if (ids === null)
        throw new Error(`Organization ${String(organizationId)} does not exist or has no user`);
      return `${String(ids.first)} ${String(ids.last)}`;
    };
  },
});
