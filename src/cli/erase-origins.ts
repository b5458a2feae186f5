import { operatorOrigin } from '../operator';
import { eraseOrigins } from '../persistence/audit/origins.store';
import { idOption, required, runCommand, UsageError } from './command';

/** Reads a date, which starts at midnight UTC, or a time with its zone. @throws {UsageError} */
function timeOf(text: string): Date {
  const isTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(text);
  const time = new Date(text);
  if (!isTime || Number.isNaN(time.getTime()))
    throw new UsageError('--before has to be a date such as 2026-01-31, or a time with its zone');
  return time;
}

void runCommand({
  usage: 'npm run --silent erase-origins -- --organization 1 --before 2026-01-31',
  options: { organization: { type: 'string' }, before: { type: 'string' } },
  read: (values) => {
    const organization = required(idOption(values, 'organization'), 'organization');
    const before = timeOf(required(values['before'], 'before'));
    return async ({ instance }) =>
      String(await eraseOrigins(instance.owner, organization, before, operatorOrigin()));
  },
});
