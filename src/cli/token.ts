import { developmentSubject, openDevelopmentIssuer } from '../http/development-issuer';
import { idOption, required, runCommand, UsageError } from './command';
import { secondsOf } from './time';

/** Reads a token's lifetime, in seconds. @throws {UsageError} */
function lifetimeOf(ttl: string): number {
  const seconds = secondsOf(ttl);
  if (seconds === null) throw new UsageError('--ttl has to be a duration such as 90s, 15m, 1h or 7d');
  return seconds;
}

void runCommand({
  usage: 'npm run --silent token -- --user 42 [--ttl 1h]',
  options: { user: { type: 'string' }, ttl: { type: 'string', default: '1h' } },
  // Production has no key that could sign the token.
  isForDevelopment: true,
  read: (values) => {
    const userId = required(idOption(values, 'user'), 'user');
    const lifetime = lifetimeOf(values['ttl'] ?? '1h');
    return async ({ config, provisioning }) => {
      const issuer = openDevelopmentIssuer(config.dataDir);
      const subject = developmentSubject(userId);
      await provisioning.ensureIdentity(userId, { issuer: issuer.trusted.issuer, subject });
      return issuer.sign(subject, lifetime);
    };
  },
});
