import { DEFAULT_API_KEY_SCOPES, type ApiKey } from '../domain/api-key-grant';
import { API_KEY_SCOPES, type ApiKeyScope } from '../domain/role';
import { idOption, required, runCommand, textOption, UsageError, type Values, type Work } from './command';
import { singleLine, tableOf } from './table';
import { momentToCome } from './time';

function scopesOf(list: string): readonly ApiKeyScope[] {
  const scopes = list.split(',').map((scope) => scope.trim());
  const unknown = scopes.filter((scope) => !(API_KEY_SCOPES as readonly string[]).includes(scope));
  if (unknown.length > 0)
    throw new UsageError(`--scopes can hold ${API_KEY_SCOPES.join(', ')}; not ${unknown.join(', ')}`);
  return scopes as ApiKeyScope[];
}

function organizationOf(values: Values): number {
  return required(idOption(values, 'organization'), 'organization');
}

function create(values: Values): Work {
  const { expires } = values;
  const apiKey = {
    organizationId: organizationOf(values),
    name: textOption(values, 'name'),
    ownerId: idOption(values, 'owner'),
    scopes: scopesOf(values['scopes'] ?? DEFAULT_API_KEY_SCOPES.join(',')),
    expiresAt: expires === undefined ? null : momentToCome(expires, 'expires', new Date()),
  };
  return async ({ provisioning, say }) => {
    const { key, owner } = await provisioning.addApiKey(apiKey);
    const { id, name: ownerName } = owner;
    say(
      `owned by user ${String(id)} (${singleLine(ownerName)}), who cannot decide what it submits; --owner names another user`,
    );
    return key;
  };
}

function list(values: Values): Work {
  const organizationId = organizationOf(values);
  return async ({ provisioning }) => {
    const keys = await provisioning.apiKeys(organizationId);
    return tableOf(COLUMNS, keys.map(rowOf));
  };
}

const COLUMNS = ['id', 'prefix', 'name', 'owner', 'scopes', 'created', 'expires', 'revoked', 'last used'];

/** Returns one line of the list; `-` means never. */
function rowOf(key: ApiKey): readonly string[] {
  const { id, prefix, name, ownerId, scopes, createdAt, expiresAt, revokedAt, lastUsedAt } = key;
  const times = [createdAt, expiresAt, revokedAt, lastUsedAt].map((at) => at?.toISOString() ?? '-');
  return [String(id), prefix, name, String(ownerId), scopes.join(','), ...times];
}

function revoke(values: Values): Work {
  const organizationId = organizationOf(values);
  const id = required(idOption(values, 'id'), 'id');
  return async ({ provisioning }) => {
    await provisioning.revokeApiKey(organizationId, id);
    return null;
  };
}

void runCommand({
  usage: `npm run --silent api-key -- --organization 1 --name my-agent [--owner 1] [--scopes ${DEFAULT_API_KEY_SCOPES.join(',')}] [--expires 90d]
       npm run --silent api-key -- list --organization 1
       npm run --silent api-key -- revoke --organization 1 --id 7`,
  options: {
    organization: { type: 'string' },
    name: { type: 'string' },
    owner: { type: 'string' },
    scopes: { type: 'string' },
    expires: { type: 'string' },
    id: { type: 'string' },
  },
  allowPositionals: true,
  read: (values, [what = 'create', ...rest]) => {
    if (rest.length === 0 && what === 'create') return create(values);
    if (rest.length === 0 && what === 'list') return list(values);
    if (rest.length === 0 && what === 'revoke') return revoke(values);
    throw new UsageError('name a subcommand: create (the default), list or revoke');
  },
});
