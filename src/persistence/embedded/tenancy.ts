import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { type AttachOptions, type Attachment, attach } from './attach';
import type { DataLocation } from './data-location';
import type { Lease } from './lease';
import { stopServer } from './postmaster';

export interface TenancyOptions extends AttachOptions {
  /** Called once if the server is only available on another port. */
  readonly onLost: (error: Error) => void;
}

/** A server that ran this long was not brought down by its start. */
const steadyMs = 60_000;

/** Returns the wait before the n-th consecutive attempt: none at first, then longer each time, up to half a minute. */
function backOffMs(attempt: number): number {
  return attempt === 0 ? 0 : Math.min(125 * 2 ** attempt, 30_000);
}

/**
 * One opener's use of the server, from the first attachment until the opener ends it. In between it attaches again, as
 * often as necessary, whenever the server or the connection that holds the lease is lost.
 */
export class Tenancy {
  readonly port: number;
  /** Whether the first attachment started the server. */
  readonly started: boolean;

  private lease: Lease | undefined;
  /** Number of attempts to attach again since the server was last steady. */
  private attempts = 0;
  private readonly ending = new AbortController();
  private readonly isEnding = new Promise<'ending'>((resolve) => {
    this.ending.signal.addEventListener('abort', () => {
      resolve('ending');
    });
  });
  /** Settles when there is no lease to maintain, or when the end is requested and the lease is valid. */
  private readonly keeping: Promise<void>;
  private ended: Promise<void> | undefined;

  private constructor(
    first: Attachment,
    private readonly location: DataLocation,
    private readonly options: TenancyOptions,
  ) {
    this.port = first.port;
    this.started = first.started;
    this.lease = first.lease;
    this.keeping = this.keep();
  }

  /**
   * Attaches to the server.
   * @throws {Error} as `attach` does
   */
  static async begin(location: DataLocation, options: TenancyOptions): Promise<Tenancy> {
    const first = await attach(location, options);
    // It exists by now. Otherwise the next start would record that again, over a record that may be another's by then.
    const record = { ...location.record, wasCreated: true };
    return new Tenancy(first, { ...location, record }, options);
  }

  /** Leaves the server; the last to leave stops it. Idempotent: a second unlock could release another's lock. */
  end(): Promise<void> {
    return (this.ended ??= this.leave());
  }

  private async leave(): Promise<void> {
    this.ending.abort();
    await this.keeping;
    await this.lease?.leave(() => stopServer(this.location.record.folder));
  }

  private async keep(): Promise<void> {
    while (this.lease !== undefined) {
      const since = Date.now();
      if ((await Promise.race([this.lease.ended, this.isEnding])) === 'ending') return;
      if (Date.now() - since > steadyMs) this.attempts = 0;
      this.lease = await this.attachAgain();
    }
  }

  /**
   * Attaches again, with retries.
   * @returns undefined when the end is requested and no server runs, or when the server is lost
   */
  private async attachAgain(): Promise<Lease | undefined> {
    const { folder } = this.location.record;
    const { signal } = this.ending;
    for (;;) {
      await pause(backOffMs(this.attempts++), undefined, { signal }).catch(() => undefined);
      try {
        // Otherwise a missing cluster would be created again, empty, which is not what the callers had.
        await access(join(folder, 'PG_VERSION'));
        const { lease, port } = await attach(this.location, this.options, signal);
        if (port === this.port || signal.aborted) return lease;
        await lease.leave(() => stopServer(folder));
        break;
      } catch (error) {
        if (signal.aborted) return undefined;
        this.options.progress(
          `PostgreSQL stopped and could not be restarted; trying again: ${(error as Error).message}`,
        );
      }
    }
    this.options.onLost(
      new Error(`PostgreSQL stopped, and its port ${String(this.port)} is now in use: restart the gateway`),
    );
    return undefined;
  }
}
