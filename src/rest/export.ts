import type { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ExportFormat, ExportRequest } from '../audit/export-formats';
import type { DatabaseExport } from '../audit/export-source';
import type { Reviewer } from '../domain/principal';
import { RefusedError, validationRefusal } from '../domain/refusal';
import type { AuthorizeDirective, Requirement } from '../graphql/authorize.directive';
import { acceptsGzip } from '../http/accepts-gzip';
import { addVary } from '../http/vary';
import { allowOnly } from '../http/allowed-methods';
import { AUDIT_RECORD_KEYS, auditRecordBody } from './audit-record';
import { begunStream } from './begun-stream';
import { csvRow } from './csv';
import { readExport, type RestRequest } from './requests';
import { AUDITORS } from './routes';

const PATH = '/api/admin/audit-logs/export';
const REQUIREMENT: Requirement = { roles: AUDITORS, credential: 'jwt', scope: null, verdict: null };
/** How many exports may run at once: each holds a connection and a snapshot for as long as its client reads. */
const MAX_EXPORTS = 2;
/** How long a client may read nothing before its export is broken off, in milliseconds. */
const STALLED = 60_000;
/** About how much goes out at once, in characters. */
const CHUNK = 64 * 1024;

const TYPES: Readonly<Record<ExportFormat, string>> = {
  jsonl: 'application/jsonl; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
  bundle: 'application/jsonl; charset=utf-8',
};

/**
 * Adds the export of the audit log: streamed, so that its size is bounded by nothing.
 * @param stalledMs how long a client may read nothing before its export is broken off, in milliseconds
 */
export function addExport(
  server: FastifyInstance,
  authorize: AuthorizeDirective,
  identify: (request: FastifyRequest) => Promise<void>,
  source: DatabaseExport,
  stalledMs = STALLED,
): void {
  let running = 0;
  server.get(PATH, {
    // Of an export there is nothing to tell but the whole of it.
    exposeHeadRoute: false,
    onRequest: [identify, (request) => authorize.checkCredential(REQUIREMENT, request, {})],
    handler: async (request, reply) => {
      const asked = readExport(request as RestRequest);
      if (asked.faults !== undefined) throw new RefusedError(validationRefusal(asked.faults));
      const viewer = authorize.personOf(REQUIREMENT, request);
      if (running >= MAX_EXPORTS)
        throw new RefusedError({
          code: 'SERVICE_UNAVAILABLE',
          detail: `${String(MAX_EXPORTS)} exports are running; try again once one has ended`,
        });
      running += 1;
      let lines: Readable;
      try {
        await source.record(viewer, asked.value, request.origin);
        lines = await begunStream(inChunks(linesOf(source, viewer, asked.value)));
      } catch (error) {
        running -= 1;
        throw error;
      }
      lines.once('close', () => (running -= 1));
      reply.raw.setTimeout(stalledMs, () => reply.raw.destroy());
      return send(request, reply, asked.value.format, lines);
    },
  });
  allowOnly(server, PATH, ['GET']);
}

function send(
  request: FastifyRequest,
  reply: FastifyReply,
  format: ExportFormat,
  lines: Readable,
): FastifyReply {
  const name = `audit-log.${format === 'bundle' ? 'bundle.jsonl' : format}`;
  void reply
    .type(TYPES[format])
    .header('Content-Disposition', `attachment; filename="${name}"`)
    .header('Cache-Control', 'no-store');
  void addVary(reply, 'Accept-Encoding');
  if (!acceptsGzip(request)) return reply.send(lines);
  const gzip = createGzip();
  // What breaks off has to break the answer off too, or half a file would look like a whole one.
  lines.on('error', (error) => gzip.destroy(error));
  gzip.on('close', () => lines.destroy());
  return reply.header('Content-Encoding', 'gzip').send(lines.pipe(gzip));
}

async function* linesOf(
  source: DatabaseExport,
  viewer: Reviewer,
  request: ExportRequest,
): AsyncIterable<string> {
  if (request.format === 'bundle') {
    for await (const record of source.bundle(viewer, request)) yield `${JSON.stringify(record)}\n`;
    return;
  }
  if (request.format === 'csv') yield csvRow(AUDIT_RECORD_KEYS);
  for await (const entry of source.entries(viewer, request)) {
    const userId = entry.actorKind === 'user' ? entry.actorId : null;
    const body = auditRecordBody(viewer.organizationId, userId, entry);
    yield request.format === 'csv' ? csvRow(Object.values(body)) : `${JSON.stringify(body)}\n`;
  }
}

/** Texts, joined to larger ones. */
async function* inChunks(texts: AsyncIterable<string>): AsyncGenerator<Buffer, void> {
  let chunk = '';
  for await (const text of texts) {
    chunk += text;
    if (chunk.length < CHUNK) continue;
    yield Buffer.from(chunk);
    chunk = '';
  }
  if (chunk !== '') yield Buffer.from(chunk);
}
