import autocannon from 'autocannon';
import type { Closables } from './closables';

/** One request over HTTP. */
export interface LoadRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface LoadOptions {
  readonly url: string;
  readonly connections: number;
  /** Those that count, and those that warm up: as many as connections each, or more. */
  readonly requests: readonly LoadRequest[];
  /** How many of the first requests are sent beforehand and not counted. */
  readonly warmUp: number;
  /** What every answer, a 200, has to contain. */
  readonly expected: string;
}

export interface LoadResult {
  readonly seconds: number;
  /** Of every request, in milliseconds. */
  readonly latencies: readonly number[];
}

/**
 * Sends requests over so many connections, each its next one as soon as the last one is answered.
 * @throws if an answer is no 200 or not what is expected
 */
export async function load(options: LoadOptions, closables: Closables): Promise<LoadResult> {
  const { requests, warmUp } = options;
  if (warmUp > 0) await send({ ...options, requests: requests.slice(0, warmUp) }, closables);
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
        // How soon after the last answer it says that it is done, in milliseconds.
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
