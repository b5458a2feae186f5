import type { Gateway } from './gateway';

/** The longest time for which a gateway's event loop served nothing, in milliseconds. */
export interface Stop {
  readonly stop: number;
  /** How much of it the thread waited for a processor. */
  readonly waited: number;
  /** The longest such time without what the thread waited for a processor; it may be another one. */
  readonly busy: number;
}

/** Reads the longest stops of a gateway that `watched-gateway.worker.ts` runs. */
export class StopWatch {
  private readings = 0;

  constructor(private readonly gateway: Gateway) {}

  /** Returns the longest stop since the last reading. */
  async read(): Promise<Stop> {
    this.readings += 1;
    process.kill(this.gateway.pid, 'SIGUSR2');
    return readStop(await this.gateway.line(new RegExp(`^stop ${String(this.readings)}: `)));
  }
}

/** Reads a line of `watched-gateway.worker.ts`. */
export function readStop(line: string): Stop {
  const [, stop, waited, busy] = /^stop \d+: (\S+) (\S+) (\S+)$/.exec(line) ?? [];
  if (stop === undefined || waited === undefined || busy === undefined)
    throw new Error(`Not a stop: ${line}`);
  return { stop: Number(stop), waited: Number(waited), busy: Number(busy) };
}

/** Returns the longest of one or more stops, and the longest without waiting. */
export function longestOf(stops: readonly Stop[]): Stop {
  const longest = stops.reduce((longest, one) => (one.stop > longest.stop ? one : longest));
  return { ...longest, busy: Math.max(...stops.map(({ busy }) => busy)) };
}
