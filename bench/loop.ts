import { startWorker } from './processes';

/** One statement, called with each of these values by so many callers at once, each on a connection of its own. */
export interface LoopJob {
  readonly url: string;
  readonly statement: { readonly name: string; readonly text: string };
  readonly callers: number;
  readonly calls: readonly (readonly unknown[])[];
}

export interface LoopResult {
  readonly seconds: number;
  /** Of every call, in milliseconds. */
  readonly latencies: readonly number[];
  /** How many rows came back. */
  readonly rows: number;
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
