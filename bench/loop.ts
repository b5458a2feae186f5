import { startWorker } from './processes';

/** Calls by several concurrent callers. Each makes its next call once its last was answered. */
interface Calls {
  readonly url: string;
  readonly callers: number;
  /** The connections that the callers share; one per caller by default. */
  readonly connections?: number;
  /** How many of the first calls warm up and are not counted. */
  readonly warmUp: number;
}

/** The job of a loop: one statement with each of these values, or the list's floor for each of these times. */
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
  /** The latency of every call, in milliseconds. */
  readonly latencies: readonly number[];
  /** The last list read, as JSON. */
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
