import { setTimeout as pause } from 'node:timers/promises';
import type { Ending, Entry, Ledger, Operation } from './ledger';
import type { Random } from './random';
import { nextRequest, type Cast } from './requests';

/** How long a request may take until a response or a closed connection, in milliseconds. */
const ANSWER_LIMIT = 60_000;

/** The proportion of requests whose client hangs up before the response. */
const HANG_UPS = 0.02;

export interface LoadOptions {
  readonly urls: () => readonly string[];
  readonly ledger: Ledger;
  readonly cast: Cast;
  readonly clients: number;
}

/** Clients that each send one request after the other, to either gateway. */
export class Load {
  private isStopped = true;
  private running: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: LoadOptions) {}

  start(): void {
    this.isStopped = false;
    this.running = Promise.all(Array.from({ length: this.options.clients }, () => this.client()));
  }

  /** Sends no further requests, and waits for those in progress. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.running;
  }

  private async client(): Promise<void> {
    const { cast, ledger, urls } = this.options;
    while (!this.isStopped) {
      const entry = ledger.begin(nextRequest(cast));
      const ending = await this.send(entry, cast.random.pick(urls()), HANG_UPS);
      // The client pauses before its next request, as after a refused connection.
      if (ending.kind !== 'answered') await pause(cast.random.between(5, 40));
      // An unknown outcome is requested again under the same key, sometimes from the other gateway.
      if (isOpen(ending) && entry.operation.isRepeatable === true && cast.random.chance(0.5))
        await this.send(entry, cast.random.pick(urls()), 0);
    }
  }

  private async send(entry: Entry, url: string, hangUps: number): Promise<Ending> {
    const { ledger, cast } = this.options;
    const ending = await sendOnce(entry.operation, url, cast.random, hangUps);
    ledger.end(entry, ending);
    return ending;
  }
}

/** Sends an operation's request once. @param hangUps probability that the client hangs up early, from 0 to 1 */
export async function sendOnce(
  { sending: { method, path, headers, body } }: Operation,
  url: string,
  random: Random,
  hangUps = 0,
): Promise<Ending> {
  const limit = AbortSignal.timeout(ANSWER_LIMIT);
  const gone = random.chance(hangUps) ? AbortSignal.timeout(random.between(1, 10)) : null;
  try {
    const answer = await fetch(url + path, {
      method,
      headers,
      ...(body !== undefined && { body }),
      signal: gone === null ? limit : AbortSignal.any([limit, gone]),
    });
    const text = await answer.text();
    return { kind: 'answered', status: answer.status, body: parse(text) };
  } catch {
    return { kind: limit.aborted ? 'overdue' : 'unanswered' };
  }
}

/** Returns whether the outcome of a request is unknown. */
export function isOpen(ending: Ending): boolean {
  return ending.kind !== 'answered' || ending.status >= 500;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
