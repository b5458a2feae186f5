import type { OnWarm } from './load';
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

/** What the process is told. It waits for `begin` after a job's warm-up. */
export type LoopRequest = { readonly job: LoopJob } | 'begin';

/** What the process tells. */
export type LoopReply = 'warm' | { readonly result: LoopResult } | { readonly error: string };

/** A process that runs loops, one at a time. */
export class LoopProcess {
  private readonly program = startWorker('bench/loop.worker.ts');

  get pid(): number {
    return this.program.child.pid ?? 0;
  }

  /** Runs a job. `onWarm` is awaited between its warm-up and the calls that count. */
  run(job: LoopJob, onWarm?: OnWarm): Promise<LoopResult> {
    const { child } = this.program;
    const tell = (request: LoopRequest): void => {
      child.send(request);
    };
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        child.off('message', onMessage).off('exit', onExit);
      };
      const fail = (error: Error): void => {
        settle();
        reject(error);
      };
      const onMessage = (reply: LoopReply): void => {
        if (reply === 'warm')
          Promise.resolve(onWarm?.()).then(() => {
            tell('begin');
          }, fail);
        else if ('error' in reply) fail(new Error(reply.error));
        else {
          settle();
          resolve(reply.result);
        }
      };
      const onExit = (): void => {
        fail(new Error('The process of the loop is gone'));
      };
      child.on('message', onMessage).on('exit', onExit);
      tell({ job });
    });
  }

  stop(): Promise<void> {
    return this.program.stop();
  }
}
