import { STATUS_CODES, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { newCorrelationId } from '../domain/correlation';
import type { Refusal } from '../domain/refusal';
import { errorBody } from '../api/error-body';

const MALFORMED: Refusal = { code: 'MALFORMED_REQUEST', detail: 'This is not an HTTP request' };
/** The refusals of bytes that never become a request, by the error code of Node's parser. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: { code: 'HEADERS_TOO_LARGE', detail: 'The request line and headers are too large' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { code: 'PAYLOAD_TOO_LARGE', detail: 'The chunk extensions are too large' },
  ERR_HTTP_REQUEST_TIMEOUT: { code: 'REQUEST_TIMEOUT', detail: 'The request did not arrive in time' },
};

/** Sends a refusal over a socket and ends the connection. */
type RefuseSocket = (socket: Duplex, refusal: Refusal) => void;

/**
 * Creates the handler of what Node's parser refuses or stops waiting for. It sends the usual error body
 * (docs/rest-api.md#errors) and ends the connection, since the end of such a request cannot be determined.
 */
export function makeClientErrorHandler(
  clock: () => Date,
): (error: NodeJS.ErrnoException, socket: Socket) => void {
  const refuse = makeRefuseSocket(clock);
  return (error, socket) => {
    if (socket.destroyed) return;
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroySoon();
    else refuse(socket, REFUSALS[error.code ?? ''] ?? MALFORMED);
  };
}

/**
 * Handles the requests that Node would answer itself, without a body, or not at all. An unknown expectation is ignored
 * (RFC 9110 10.1.1). CONNECT is refused.
 */
export function answerNodesOwn(server: Server, clock: () => Date): void {
  const refuse = makeRefuseSocket(clock);
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  server.on('connect', (_request, socket) => {
    socket.on('error', () => socket.destroy());
    refuse(socket, { code: 'METHOD_NOT_ALLOWED', detail: 'Tunnels are not supported' });
  });
}

function makeRefuseSocket(clock: () => Date): RefuseSocket {
  return (socket, refusal) => {
    const now = clock();
    const body = errorBody(refusal, newCorrelationId(now), now);
    const text = JSON.stringify(body);
    socket.end(
      [
        `HTTP/1.1 ${String(body.status)} ${STATUS_CODES[body.status] ?? ''}`,
        'Content-Type: application/json; charset=utf-8',
        `Content-Length: ${String(Buffer.byteLength(text))}`,
        'Cache-Control: no-store',
        ...(body.status === 405 ? ['Allow: '] : []),
        'Connection: close',
        '',
        text,
      ].join('\r\n'),
      () => socket.destroy(),
    );
  };
}
