import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The fate of one request: it is answered, its answer is lost, or the proxy answers itself. */
export type Fate =
  | 'pass'
  | 'lose the answer'
  | { readonly status: number; readonly headers?: Record<string, string>; readonly text?: string };

/** A proxy in front of a gateway, which applies the next fate to each request; without one it passes it on. */
export interface Proxy {
  readonly url: string;
  /** The next fates, in order; each is used once. */
  readonly fates: Fate[];
  /** The bodies of the requests that arrived, and their Authorization. */
  readonly seen: { readonly body: any; readonly authorization: string | undefined }[];
  close(): Promise<void>;
}

export async function startProxy(target: string): Promise<Proxy> {
  const fates: Fate[] = [];
  const seen: Proxy['seen'] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const { authorization, 'x-api-key': apiKey } = request.headers;
      seen.push({ body: JSON.parse(body.toString()), authorization });
      const fate = fates.shift() ?? 'pass';
      if (typeof fate === 'object') {
        response.writeHead(fate.status, fate.headers).end(fate.text);
        return;
      }
      const headers = {
        'content-type': 'application/json',
        ...(authorization !== undefined && { authorization }),
        ...(typeof apiKey === 'string' && { 'x-api-key': apiKey }),
      };
      void fetch(target + (request.url ?? ''), { method: 'POST', headers, body })
        .then(async (answer) => {
          const text = await answer.text();
          // The gateway has answered, so whatever was requested has been done.
          if (fate === 'lose the answer') response.destroy();
          else response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text);
        })
        .catch(() => response.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    fates,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
