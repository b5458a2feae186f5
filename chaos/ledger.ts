/** What responses say about one action. */
export type Told = 'decided' | 'voted' | 'refused' | 'unknown';

/** How a request ended for the client. */
export type Ending =
  | { readonly kind: 'answered'; readonly status: number; readonly body: unknown }
  /** The connection broke, or the client hung up. */
  | { readonly kind: 'unanswered' }
  /** Neither a response nor a closed connection within the limit. */
  | { readonly kind: 'overdue' };

/** An HTTP request as it is sent. */
export interface Sending {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** An operation. Its id is sent as X-Correlation-ID and appears in the audit log. */
export interface Operation {
  readonly id: string;
  readonly kind: string;
  readonly sending: Sending;
  /** The actions that it decides; empty for other operations. */
  readonly actionIds: readonly number[];
  readonly verdict?: 'approve' | 'reject';
  /** Whether all or none of the actions are decided. */
  readonly isAtomic?: boolean;
  /** Whether it may be sent again under its idempotency key. */
  readonly isRepeatable?: boolean;
  /** For a submission: reads the action's id from the response; undefined where there is none. */
  readonly readId?: (body: any) => number | undefined;
  /** Reads what a response says about an action that the operation decides. */
  readonly read?: (status: number, body: any, actionId: number) => Told;
}

/** An operation and how each of its attempts ended. */
export interface Entry {
  readonly operation: Operation;
  readonly endings: Ending[];
}

/** What clients sent and received, to be compared with the database. */
export class Ledger {
  /** The entries since the last check. */
  entries: Entry[] = [];
  /** Every operation id that was ever sent. */
  readonly ids = new Set<string>();
  /** Action ids that were assigned to two submissions. */
  readonly givenTwice: string[] = [];
  private readonly given = new Map<number, string>();
  readonly sums = {
    sent: 0,
    answered: 0,
    succeeded: 0,
    refused: 0,
    unavailable: 0,
    unanswered: 0,
    overdue: 0,
  };

  begin(operation: Operation): Entry {
    const entry: Entry = { operation, endings: [] };
    this.entries.push(entry);
    this.ids.add(operation.id);
    return entry;
  }

  end(entry: Entry, ending: Ending): void {
    entry.endings.push(ending);
    this.noteId(entry.operation, ending);
    this.sums.sent += 1;
    if (ending.kind !== 'answered') this.sums[ending.kind] += 1;
    else {
      this.sums.answered += 1;
      if (ending.status < 300) this.sums.succeeded += 1;
      else if (ending.status < 500) this.sums.refused += 1;
      else this.sums.unavailable += 1;
    }
  }

  private noteId({ id, readId }: Operation, ending: Ending): void {
    if (readId === undefined || ending.kind !== 'answered' || ending.status >= 300) return;
    const actionId = readId(ending.body);
    if (actionId === undefined) return;
    const first = this.given.get(actionId) ?? id;
    this.given.set(actionId, first);
    if (first !== id) this.givenTwice.push(`action ${String(actionId)} was given to ${first} and to ${id}`);
  }

  /** @returns the entries since the last call */
  take(): readonly Entry[] {
    return this.entries.splice(0);
  }
}

/** Returns what all responses to an operation together say about one action. */
export function toldOf({ operation, endings }: Entry, actionId: number): Told {
  const told = endings.map((ending): Told => {
    if (ending.kind !== 'answered' || ending.status >= 500 || operation.read === undefined) return 'unknown';
    // Another attempt under the same key is still running and may yet decide.
    if (ending.status === 409 && operation.isRepeatable === true && operation.isAtomic !== true)
      return 'unknown';
    return operation.read(ending.status, ending.body, actionId);
  });
  return (
    told.find((one) => one === 'decided' || one === 'voted') ??
    (told.includes('unknown') || told.length === 0 ? 'unknown' : 'refused')
  );
}
