import { types, type QueryResultRow } from 'pg';
import type { CommittedEntry, Fence, WriteGuard } from '../rollback/write-guard';
import type { Connection } from '../connections/connections';
import type { FencedSequence, Sql, Statement } from './sql';

export interface StatementRunnerOptions {
  /** False where a pooler in front of PostgreSQL does not support named statements. */
  readonly preparedStatements: boolean;
  /** Called with each statement and its values before it runs; for counting and for examining plans. */
  readonly onStatement?: (statement: Statement, values: readonly unknown[]) => void;
  /** Limits the ids that are drawn and checks each new connection; without it ids are not limited. */
  readonly guard?: WriteGuard;
}

/** Runs statements on connections, by name, with the fence of those that draw ids. */
export class StatementRunner {
  constructor(private readonly options: StatementRunnerOptions) {}

  /**
   * Runs one statement.
   * @param answerTimeout maximum wait for the answer, in milliseconds, unless the statement has its own; null for none
   * @param remember receives an entry that the statement wrote
   */
  async run<Row extends QueryResultRow>(
    connection: Connection,
    { name, text, isOneOff = false, deadlineMs, fenced }: Statement,
    given: readonly unknown[],
    answerTimeout: number | null,
    remember: (entry: CommittedEntry) => unknown = this.remember,
  ): Promise<Row[]> {
    const values = [...given];
    if (fenced !== undefined) values.push(...(await this.fence(fenced, connection, answerTimeout)));
    this.options.onStatement?.({ name, text }, values);
    const query = this.options.preparedStatements && !isOneOff ? { name, text, values } : { text, values };
    const result = await connection.query<Row>(query, deadlineMs ?? answerTimeout);
    const { rows } = result;
    // pg's results can keep each other in memory until the next full garbage collection, and would keep their rows.
    result.rows = [];
    if (fenced !== undefined && this.options.guard !== undefined) rememberOneOf(rows, given[0], remember);
    return rows;
  }

  /** Returns what runs statements on this connection. */
  on(connection: Connection, answerTimeout: number | null): Sql {
    return { query: (statement, values) => this.run(connection, statement, values, answerTimeout) };
  }

  /** Remembers a committed entry, so that its loss is detected. */
  readonly remember = (entry: CommittedEntry): void => {
    this.options.guard?.remember(entry);
  };

  private fence(
    sequence: FencedSequence,
    connection: Connection,
    answerTimeout: number | null,
  ): Promise<Fence> | Fence {
    const { guard } = this.options;
    return guard === undefined ? [null, null] : guard.admit(sequence, this.on(connection, answerTimeout));
  }
}

/** Passes one entry of a commit to `remember`; one is enough to detect the loss of the commit. */
function rememberOneOf(
  rows: readonly QueryResultRow[],
  organizationId: unknown,
  remember: (entry: CommittedEntry) => unknown,
): void {
  const row = rows.find(({ auditId }) => typeof auditId === 'number');
  if (row === undefined) return;
  const { auditId, leafHash } = row as { auditId: number; leafHash: Buffer };
  remember({ organizationId: Number(organizationId), auditId, leafHash });
}

/** PostgreSQL's text of a time with at most milliseconds, in a zone of whole hours. `connect` checks the DateStyle. */
const TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,3})?[+-]\d\d$/;

/** Sets how values are read from PostgreSQL's texts, for the whole process. */
export function setValueParsers(): void {
  // Ids stop at 2^53-1 (docs/rest-api.md#ids), and so do the database's sequences, so a bigint always fits a number.
  types.setTypeParser(types.builtins.INT8, Number);
  const readAnyTime = types.getTypeParser(types.builtins.TIMESTAMPTZ) as (text: string) => Date;
  // The engine's own parser takes half the time of pg's, and a list has hundreds of timestamps.
  types.setTypeParser(types.builtins.TIMESTAMPTZ, (text) =>
    TIME.test(text) ? new Date(`${text.slice(0, 10)}T${text.slice(11)}:00`) : readAnyTime(text),
  );
}
