import type { CommittedEntry } from '../rollback/write-guard';
import type { Connection } from './connections';
import type { Session, Sql } from '../sql/sql';
import type { StatementRunner } from '../sql/statement-runner';
import { statement } from '../sql/statement';

const BEGIN = statement({ name: 'begin', text: 'BEGIN' });
export const BEGIN_SNAPSHOT = statement({
  name: 'begin_snapshot',
  text: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
});
/** An export is aborted once its client has read nothing for a minute; its transaction is idle meanwhile. */
export const WAIT_FOR_READER = statement({
  name: 'wait_for_reader',
  text: `SELECT set_config('idle_in_transaction_session_timeout', '90s', true)`,
});
export const COMMIT = statement({ name: 'commit', text: 'COMMIT' });
const ROLLBACK = statement({ name: 'rollback', text: 'ROLLBACK' });

/**
 * Makes the session of a connection's holder. Entries that its transactions write are remembered once they are
 * committed.
 * @param answerTimeout see `DatabaseOptions`
 * @param leave called when the session is released
 */
export function makeSession(
  connection: Connection,
  runner: StatementRunner,
  answerTimeout: number | null,
  leave: () => void,
): Session {
  const written: CommittedEntry[] = [];
  let isInTransaction = false;
  const remember = (entry: CommittedEntry): void => {
    if (isInTransaction) written.push(entry);
    else runner.remember(entry);
  };
  const sql: Sql = {
    query: (statement, values) => runner.run(connection, statement, values, answerTimeout, remember),
  };
  return {
    ...sql,
    transactionIf: async (work, isToKeep) => {
      try {
        isInTransaction = true;
        await sql.query(BEGIN, []);
        const result = await work(sql);
        const isKept = isToKeep(result);
        await sql.query(isKept ? COMMIT : ROLLBACK, []);
        if (isKept) written.forEach(runner.remember);
        return result;
      } catch (error) {
        // A closed connection ends its transaction. Where the server does not answer, it would not answer this either.
        if (connection.isUsable)
          await sql.query(ROLLBACK, []).catch(() => {
            connection.sever();
          });
        throw error;
      } finally {
        isInTransaction = false;
        written.length = 0;
      }
    },
    release: (isSpoiled = false) => {
      connection.release(isSpoiled);
      leave();
    },
    sever: () => {
      connection.sever();
    },
  };
}
