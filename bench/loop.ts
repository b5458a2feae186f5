import { startWorker } from './processes';

/** Calls by so many callers at once, each taking the next one as soon as its last one is answered. */
interface Calls {
  readonly url: string;
  readonly callers: number;
  /** Connections that the callers share; as many as callers if not given. */
  readonly connections?: number;
  /** How many of the first calls are made beforehand and not counted. */
  readonly warmUp: number;
}

/** What a loop does: one statement, with each of these values; or the list's floor, for each of these times. */
export type LoopJob = Calls &
  (
    | {
        readonly kind: 'statement';
        readonly statement: { readonly name: string; readonly text: string };
        readonly calls: readonly (readonly unknown[])[];
      }
    | { readonly kind: 'list'; readonly organizationId: number; readonly calls: readonly Date[] }
  );

export interface LoopResult {
  readonly seconds: number;
  /** Of every call, in milliseconds. */
  readonly latencies: readonly number[];
  /** What the last list was, as JSON. */
  readonly lastList?: string;
}

/** A process that runs loops, one at a time. */
export class LoopProcess {
  private readonly program = startWorker('bench/loop.worker.ts');

  run(job: LoopJob): Promise<LoopResult> {
    const { child } = this.program;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        child.off('message', onMessage).off('exit', onExit);
      };
      const onMessage = (message: { result?: LoopResult; error?: string }): void => {
        settle();
        if (message.result === undefined) reject(new Error(message.error));
        else resolve(message.result);
      };
      const onExit = (): void => {
        settle();
        reject(new Error('The process of the loop is gone'));
      };
      child.on('message', onMessage).on('exit', onExit);
      child.send(job);
    });
  }

  stop(): Promise<void> {
    return this.program.stop();
  }
}
