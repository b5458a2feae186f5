import { API_KEY_SCOPES, type ApiKeyScope } from '../domain/principal';
import { idOption, required, runCommand, UsageError } from './command';

function scopesOf(list: string): readonly ApiKeyScope[] {
  const scopes = list.split(',').map((scope) => scope.trim());
  const unknown = scopes.filter((scope) => !(API_KEY_SCOPES as readonly string[]).includes(scope));
  if (unknown.length > 0)
    throw new UsageError(`--scopes can hold ${API_KEY_SCOPES.join(', ')}; not ${unknown.join(', ')}`);
  return scopes as ApiKeyScope[];
}

void runCommand({
  usage: `npm run --silent api-key -- --organization 1 --name my-agent [--owner 1] [--scopes ${API_KEY_SCOPES.join(',')}]`,
  options: {
    organization: { type: 'string' },
    name: { type: 'string' },
    owner: { type: 'string' },
    scopes: { type: 'string', default: API_KEY_SCOPES.join(',') },
  },
  read: (values) => {
    const apiKey = {
      organizationId: required(idOption(values, 'organization'), 'organization'),
      name: required(values['name'], 'name'),
      ownerId: idOption(values, 'owner'),
      scopes: scopesOf(values['scopes'] ?? ''),
    };
    return ({ provisioning }) => provisioning.addApiKey(apiKey);
  },
});
