import { request, type OutgoingHttpHeaders } from 'node:http';
import type { Answer } from './gateway';

/** Header fields; a list is sent as several of one name. */
export type RawHeaders = Readonly<Record<string, string | number | readonly string[]>>;

/** Sends a request with exactly these headers, several of one name included, which fetch would join. */
export function sendRaw(url: string, headers: RawHeaders, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method: 'POST', headers: { ...headers } as OutgoingHttpHeaders, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          const given = Object.entries(response.headersDistinct).flatMap(([name, values = []]) =>
            values.map((value): [string, string] => [name, value]),
          );
          const { statusCode: status = 0 } = response;
          resolve({ status, headers: new Headers(given), text, body: parsed(text) });
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
