import { acceptRollback } from '../audit/accept-rollback';
import { openLogKey } from '../audit/log-key';
import { parseReason } from '../domain/parsing';
import { operatorOrigin } from '../operator';
import { required, runCommand, UsageError } from './command';

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

void runCommand({
  usage:
    'npm run --silent audit:accept-rollback -- --reason "restored the backup of 2026-01-20" [--give-up-archive ID]',
  options: { reason: { type: 'string' }, 'give-up-archive': { type: 'string' } },
  read: (values) => {
    const { value, faults } = parseReason(values['reason'], []);
    if (faults !== undefined) throw new UsageError(`--reason ${faults[0]?.msg ?? ''}`);
    const reason = required(value, 'reason');
    const givenUp = values['give-up-archive'];
    if (givenUp !== undefined && !UUID.test(givenUp))
      throw new UsageError('--give-up-archive takes the id of an archive, which is a UUID');
    return async ({ config, instance }) => {
      const accepted = await acceptRollback({
        owner: instance.owner,
        guard: instance.ownerGuard,
        folder: config.auditLog.archiveFolder,
        key: openLogKey(config, () => undefined),
        reason,
        origin: operatorOrigin(),
        ...(givenUp !== undefined && { givenUp }),
      });
      return accepted
        .map(({ organizationId, generation, treeSize, abandonedSize, setAside }) =>
          [
            `organization ${String(organizationId)}: generation ${String(generation)} continues from ${String(treeSize)} sealed entries`,
            `${String(abandonedSize)} had been archived`,
            ...(setAside === null ? [] : [`the damaged file is kept as ${setAside}`]),
          ].join('; '),
        )
        .join('\n');
    };
  },
});
