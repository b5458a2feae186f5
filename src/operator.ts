import { userInfo } from 'node:os';
import type { RequestOrigin } from './domain/audit-entry';
import { newCorrelationId } from './domain/correlation';

/** Where an operator's command comes from, as the audit log keeps it. */
export function operatorOrigin(): RequestOrigin {
  return {
    correlationId: newCorrelationId(new Date()),
    clientCorrelationId: null,
    ipAddress: null,
    userAgent: `command line, ${accountName()}`,
  };
}

/** The account's name; its number where it has none, as in many containers. */
function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${String(process.getuid?.())}`;
  }
}
