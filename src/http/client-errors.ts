import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { newCorrelationId } from '../domain/correlation';
import type { Refusal } from '../domain/refusal';
import { errorBody } from '../rest/error-body';

const MALFORMED: Refusal = { code: 'MALFORMED_REQUEST', detail: 'This is not an HTTP request' };
/** What Node's parser says of bytes that never become a request, by its codes. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: { code: 'HEADERS_TOO_LARGE', detail: 'The request line and headers are too large' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { code: 'PAYLOAD_TOO_LARGE', detail: 'The chunk extensions are too large' },
  ERR_HTTP_REQUEST_TIMEOUT: { code: 'REQUEST_TIMEOUT', detail: 'The request did not arrive in time' },
};

/**
 * Answers what Node's parser refuses, or stops waiting for, in the one error body (contract 4), and ends the connection:
 * where a request ends in such bytes nobody can say.
 */
export function makeClientErrorHandler(
  clock: () => Date,
): (error: NodeJS.ErrnoException, socket: Socket) => void {
  return (error, socket) => {
    if (socket.destroyed) return;
    if (error.code !== 'ECONNRESET' && socket.writable) {
      const now = clock();
      const refusal = REFUSALS[error.code ?? ''] ?? MALFORMED;
      const body = errorBody(refusal, newCorrelationId(now), now);
      const text = JSON.stringify(body);
      socket.write(
        [
          `HTTP/1.1 ${String(body.status)} ${STATUS_CODES[body.status] ?? ''}`,
          'Content-Type: application/json; charset=utf-8',
          `Content-Length: ${String(Buffer.byteLength(text))}`,
          'Connection: close',
          '',
          text,
        ].join('\r\n'),
      );
    }
    socket.destroySoon();
  };
}
