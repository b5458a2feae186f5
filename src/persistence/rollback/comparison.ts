import type { DatabaseState } from './database-state';
import type { Marks } from './marks-folder';
import type { CommittedEntry } from './write-guard';

/** What a process knows of its database. */
export type Known = Omit<Marks, 'committed' | 'isClosed'>;

/**
 * Combines the marks of other processes: the highest reservations, and the commits of the latest generation, each once. A
 * process that was killed before its first commit has left those that it had taken over itself.
 */
export function foldMarks(
  others: readonly Marks[],
  state: DatabaseState,
): { readonly known: Known; readonly committed: readonly CommittedEntry[] } {
  const generation = Math.max(0, ...others.map((marks) => marks.generation));
  const current = others.filter((marks) => marks.generation === generation);
  const reserved = {
    action: Math.max(0, ...others.map((marks) => marks.reserved.action)),
    audit: Math.max(0, ...others.map((marks) => marks.reserved.audit)),
  };
  const isSameServer = others.every(({ instance }) => instance === state.instance);
  return {
    known: {
      database: state.database,
      // A server that was not restarted has lost nothing.
      instance: isSameServer ? state.instance : null,
      generation: others.length === 0 ? state.generation : generation,
      reserved,
    },
    committed: distinct(current.flatMap(({ committed }) => committed)),
  };
}

function distinct(entries: readonly CommittedEntry[]): readonly CommittedEntry[] {
  const nameOf = ({ organizationId, auditId, leafHash }: CommittedEntry): string =>
    `${String(organizationId)}/${String(auditId)}/${leafHash.toString('base64')}`;
  return [...new Map(entries.map((entry) => [nameOf(entry), entry])).values()];
}

/**
 * Returns why a database is refused; null where it holds everything that is known.
 * @param remembered how many commits were looked for in it
 */
export function refusalOf(state: DatabaseState, known: Known, remembered: number): string | null {
  const reason =
    state.database !== known.database
      ? 'it is another database'
      : state.generation < known.generation
        ? 'it does not know of a rollback that was accepted'
        : state.missing > 0
          ? `${String(state.missing)} of the last ${String(remembered)} audit entries that were written are not in it`
          : state.isReported
            ? 'another process reported that'
            : null;
  return reason === null
    ? null
    : `The database was rolled back to an older state: ${reason}. Nothing is submitted or decided until an operator runs npm run audit:accept-rollback (docs/operations.md#rolled-back)`;
}
