import type { Gateway } from './gateway';

/** A time for which a gateway's event loop served nothing, in milliseconds. */
export interface Stop {
  readonly stop: number;
  /** How much of it the thread waited for a processor. */
  readonly waited: number;
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
  const [, stop, waited] = /^stop \d+: (\S+) (\S+)$/.exec(line) ?? [];
  if (stop === undefined || waited === undefined) throw new Error(`Not a stop: ${line}`);
  return { stop: Number(stop), waited: Number(waited) };
}

/** Returns the longest of one or more stops. */
export function longestOf(stops: readonly Stop[]): Stop {
  return stops.reduce((longest, one) => (one.stop > longest.stop ? one : longest));
}
