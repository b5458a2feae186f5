import { userInfo } from 'node:os';
import type { RequestOrigin } from './domain/audit-entry';
import { newCorrelationId } from './domain/correlation';

/** Returns the origin of an operator's command for the audit log. */
export function operatorOrigin(): RequestOrigin {
  return {
    correlationId: newCorrelationId(new Date()),
    clientCorrelationId: null,
    ipAddress: null,
    userAgent: `command line, ${accountName()}`,
  };
}

/** Returns the account's name, or its number if it has no name, as in many containers. */
function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${String(process.getuid?.())}`;
  }
}
