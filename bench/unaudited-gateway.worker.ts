import { createRequire } from 'node:module';
import type * as auditEntries from '../src/persistence/audit/audit-entries';
import { RollbackGuard } from '../src/persistence/rollback/guard';
import { noAuditEntries } from './no-audit-entries';

/**
 * The gateway as `npm start` runs it, except that its decisions write no audit entry: no row, no place in the sealer's
 * queue, no entries in the values, and no check for them after a rollback. For comparison only. Everything else stays,
 * receipts included.
 */
const load = createRequire(__filename);
const path = load.resolve('../src/persistence/audit/audit-entries');
const audited = load(path) as typeof auditEntries;
const module = load.cache[path];
if (module === undefined) throw new Error('The audit entries are not loaded as a module of their own');
module.exports = {
  ...audited,
  writeAuditEntries: noAuditEntries,
  placedAuditRecords: () => '',
} satisfies typeof auditEntries;
load('../src/persistence/decisions/decide');
module.exports = audited;
// An entry that was never written would look like one that a rollback lost.
RollbackGuard.prototype.remember = () => undefined;
load('../src/main');
