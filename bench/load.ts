import autocannon from 'autocannon';
import type { Closables } from './closables';

/** An HTTP request. */
export interface LoadRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What happens between a warm-up and what is measured. */
export type OnWarm = () => Promise<void>;

export interface LoadOptions {
  readonly url: string;
  readonly connections: number;
  /** All requests, including the warm-up; of both kinds at least as many as connections. */
  readonly requests: readonly LoadRequest[];
  /** How many of the first requests warm up and are not counted. */
  readonly warmUp: number;
  /** A text that every response contains; its status has to be 200. */
  readonly expected: string;
  /** Called between the warm-up and the requests that count. */
  readonly onWarm?: OnWarm;
}

export interface LoadResult {
  readonly seconds: number;
  /** The latency of every request, in milliseconds. */
  readonly latencies: readonly number[];
}

/**
 * Sends requests over a number of connections. Each connection sends its next request once the last was answered.
 * @throws {Error} if a response is not a 200 or lacks the expected text
 */
export async function load(options: LoadOptions, closables: Closables): Promise<LoadResult> {
  const { requests, warmUp, onWarm } = options;
  if (warmUp > 0) await send({ ...options, requests: requests.slice(0, warmUp) }, closables);
  await onWarm?.();
  return send({ ...options, requests: requests.slice(warmUp) }, closables);
}

async function send(
  { url, connections, requests, expected }: LoadOptions,
  closables: Closables,
): Promise<LoadResult> {
  const latencies: number[] = [];
  let wrong: string | undefined;
  let [next, end] = [0, 0];
  const begin = performance.now();
  const { errors, timeouts } = await new Promise<autocannon.Result>((resolve, reject) => {
    const running = autocannon(
      {
        url,
        connections,
        amount: requests.length,
        timeout: 60,
        // How soon the end is reported after the last response, in milliseconds.
        sampleInt: 50,
        requests: [
          {
            setupRequest: (request) => ({ ...request, ...requests[next++ % requests.length] }),
            onResponse: (status, body) => {
              if (status !== 200 || !body.includes(expected)) wrong ??= `${String(status)} ${body}`;
            },
          },
        ],
      },
      (error: Error | null, result) => {
        if (error === null) resolve(result);
        else reject(error);
      },
    );
    closables.add(() => {
      running.stop();
      return Promise.resolve();
    });
    running.on('response', (_client, _status, _bytes, duration) => {
      latencies.push(duration);
      end = performance.now();
    });
  });
  if (wrong !== undefined) throw new Error(`A request was answered with ${wrong.slice(0, 2000)}`);
  if (errors + timeouts > 0 || latencies.length !== requests.length)
    throw new Error(`Of ${String(requests.length)} requests ${String(latencies.length)} were answered`);
  return { seconds: (end - begin) / 1000, latencies };
}
