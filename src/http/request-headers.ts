import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RefusedError, type Refusal } from '../domain/refusal';
import type { FindClientAddress } from './client-address';

/** The only accepted media type of a body. */
export const JSON_TYPE = 'application/json';
/** Replaces all other media types. Apollo and Fastify refuse it, since browsers send it without a preflight (CSRF). */
const OTHER_TYPE = 'text/plain';
/** Headers with a single value, which a proxy may repeat, by lower-case name, with their usual spelling. */
const SINGLE_VALUE: ReadonlyMap<string, string> = new Map(
  ['Host', 'Content-Type', 'Idempotency-Key', 'X-Correlation-ID'].map((name) => [name.toLowerCase(), name]),
);
/** Headers that libraries read. If one is longer than MAX_LENGTH_FOR_LIBRARIES characters, it is removed. */
const READ_BY_LIBRARIES = [
  'accept',
  'origin',
  'access-control-request-method',
  'access-control-request-headers',
];
const MAX_LENGTH_FOR_LIBRARIES = 1_000;

/**
 * Makes the headers safe to read before anything else reads them: libraries take more than linear time for some.
 * After the credential is checked, it refuses ambiguous requests: without Host, with conflicting values of a
 * single-value header, or with an encoded body. Call before all other hooks that read headers.
 * @param findClientAddress null if no proxy is trusted
 */
export function guardHeaders(server: FastifyInstance, findClientAddress: FindClientAddress | null): void {
  const conflicts = new WeakMap<FastifyRequest, string>();
  server.addHook('onRequest', (request, _reply, next) => {
    const conflict = foldRepeated(request.raw);
    if (conflict !== null) conflicts.set(request, conflict);
    constrain(request.raw, findClientAddress);
    next();
  });
  server.addHook('preParsing', async (request, reply) => {
    const refusal = refusalOf(request, conflicts.get(request));
    if (refusal === null) return Promise.resolve();
    if (refusal.code === 'UNSUPPORTED_MEDIA_TYPE') reply.header('Accept-Encoding', 'identity');
    return Promise.reject(new RefusedError(refusal));
  });
}

function refusalOf({ raw, headers }: FastifyRequest, conflict: string | undefined): Refusal | null {
  if (conflict !== undefined)
    return { code: 'MALFORMED_REQUEST', detail: `The header ${conflict} has conflicting values` };
  if (raw.httpVersion === '1.1' && headers.host === undefined)
    return { code: 'MALFORMED_REQUEST', detail: 'The header Host is missing' };
  const encoding = headers['content-encoding']?.toString().trim().toLowerCase() ?? 'identity';
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  if (hasBody && encoding !== 'identity')
    return { code: 'UNSUPPORTED_MEDIA_TYPE', detail: 'The request body must not have a Content-Encoding' };
  return null;
}

/** Returns the raw values of a header, one per line. @param name in lower case */
export function valuesOf({ rawHeaders }: IncomingMessage, name: string): readonly string[] {
  // Not `headersDistinct`: in some releases of Node, it throws for headers called __proto__ or constructor.
  return rawHeaders.filter(
    (_value, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name,
  );
}

/** Merges equal values of single-value headers. @returns the name of a header with conflicting values, or null */
function foldRepeated(request: IncomingMessage): string | null {
  const { headers, rawHeaders } = request;
  let conflict: string | null = null;
  const known = new Map<string, string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [header = '', value = ''] = rawHeaders.slice(index, index + 2);
    const name = header.toLowerCase();
    const shown = SINGLE_VALUE.get(name);
    if (shown === undefined) continue;
    const first = known.get(name) ?? value;
    known.set(name, first);
    if (first === value) headers[name] = first;
    else conflict = shown;
  }
  if (conflict !== null) Reflect.deleteProperty(headers, conflict.toLowerCase());
  return conflict;
}

/** Reduces the headers that libraries read to what they can read in linear time. */
function constrain(request: IncomingMessage, findClientAddress: FindClientAddress | null): void {
  const { headers } = request;
  const type = headers['content-type'];
  if (type !== undefined)
    headers['content-type'] =
      type.split(';', 1)[0]?.trim().toLowerCase() === JSON_TYPE ? JSON_TYPE : OTHER_TYPE;
  for (const name of READ_BY_LIBRARIES)
    if ((headers[name]?.length ?? 0) > MAX_LENGTH_FOR_LIBRARIES) Reflect.deleteProperty(headers, name);
  if (findClientAddress !== null)
    headers['x-forwarded-for'] = findClientAddress(
      request.socket.remoteAddress,
      headers['x-forwarded-for']?.toString(),
    );
}
