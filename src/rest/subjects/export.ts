import type { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { EXPORT_FORMATS, type ExportFormat, type ExportRequest } from '../../audit/export-formats';
import { Slots } from '../../audit/slots';
import type { DatabaseExport } from '../../audit/export-source';
import type { Reviewer } from '../../domain/principal';
import { RefusedError, validationRefusal } from '../../domain/refusal';
import { reviewerOf, type CallerChecks, type Requirement } from '../../api/caller-checks';
import { acceptsGzip } from '../../api/accepts-gzip';
import { addVary } from '../../api/replies';
import { allowOnly } from '../../api/allowed-methods';
import { AUDIT_RECORD_KEYS, auditRecordBody } from '../audit-record';
import { streamAfterFirstChunk } from '../stream-after-first-chunk';
import { csvRow } from '../csv';
import { file, LINES, partsOf, type DescribedRead } from '../openapi/described';
import { choice, reads, SINCE, UNTIL } from '../parameters';
import { AUDITORS, type RestRequest } from '../route';

const PATH = '/api/admin/audit-logs/export';
const REQUIREMENT: Requirement = { roles: AUDITORS, credential: 'jwt', scope: null, verdict: null };
const LIMITS = { perOrganization: 2, inProcess: 4 };
/** How long a client may take to read one chunk before its export is aborted, in milliseconds. */
const STALLED = 60_000;
/** The default maximum duration of an export, in milliseconds. */
const MAX_TIME = 3_600_000;
/** The approximate size of a chunk, in characters. */
const CHUNK = 64 * 1024;

const TYPES: Readonly<Record<ExportFormat, string>> = {
  jsonl: 'application/jsonl; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
  bundle: 'application/jsonl; charset=utf-8',
};

/** Reads `?format&from&to`. Empty parameters count as absent. */
const EXPORT = reads(
  z.object({
    query: z.object({
      format: choice(z.enum(EXPORT_FORMATS).default('jsonl'), EXPORT_FORMATS),
      from: SINCE,
      to: UNTIL,
    }),
  }),
  ({ query: { format, from, to } }): ExportRequest => ({ format, from: dateOf(from), to: dateOf(to) }),
);

/**
 * Adds the export of the audit log. It is streamed, so its size is unlimited.
 * @param stalledMs how long a client may take to read one chunk before its export is aborted, in milliseconds
 * @param maxMs the maximum duration of an export, in milliseconds
 */
export function addExport(
  server: FastifyInstance,
  callerChecks: CallerChecks,
  identify: (request: FastifyRequest) => Promise<void>,
  source: DatabaseExport,
  stalledMs = STALLED,
  maxMs = MAX_TIME,
): void {
  const slots = new Slots('exports', LIMITS);
  server.get(PATH, {
    // A HEAD request would have to run the whole export.
    exposeHeadRoute: false,
    onRequest: [identify, (request) => callerChecks.checkCredential(REQUIREMENT, request, {})],
    handler: async (request, reply) => {
      const asked = EXPORT.read(request as RestRequest);
      if (asked.faults !== undefined) throw new RefusedError(validationRefusal(asked.faults));
      const viewer = reviewerOf(REQUIREMENT, request);
      const release = slots.take(viewer.organizationId);
      const breakOff = (): void => void reply.raw.destroy();
      let lines: Readable;
      try {
        await source.record(viewer, asked.value, request.origin);
        const chunks = inChunks(linesOf(source, viewer, asked.value));
        lines = await streamAfterFirstChunk(withoutStalling(chunks, stalledMs, breakOff));
      } catch (error) {
        release();
        throw error;
      }
      lines.once('close', release);
      const tookTooLong = setTimeout(breakOff, maxMs);
      lines.once('close', () => {
        clearTimeout(tookTooLong);
      });
      // Covers the data that is still in buffers after the last chunk was taken.
      reply.raw.setTimeout(stalledMs, breakOff);
      return send(request, reply, asked.value.format, lines);
    },
  });
  allowOnly(server, PATH, ['GET']);
}

/** Passes a stream's chunks on, and aborts it if the reader takes too long for one, even if it reads slowly. */
async function* withoutStalling<T>(
  parts: AsyncGenerator<T, void>,
  stalledMs: number,
  breakOff: () => void,
): AsyncGenerator<T, void> {
  for await (const part of parts) {
    const stalled = setTimeout(breakOff, stalledMs);
    try {
      yield part;
    } finally {
      clearTimeout(stalled);
    }
  }
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
  // An error has to abort the response too, or a truncated file would look complete.
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

/** Joins texts into chunks of about CHUNK characters. */
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

function dateOf(at: string | null): Date | null {
  return at === null ? null : new Date(at);
}

/** What OpenAPI says about the path. */
export const EXPORT_PATH: DescribedRead = {
  path: PATH,
  operationId: 'exportAuditLog',
  description:
    'Streams the audit log, oldest entry first: as JSON records, as CSV rows, or as a bundle that can be verified offline.',
  requirement: REQUIREMENT,
  request: partsOf(EXPORT.request),
  responses: { 200: file('The file. It is compressed if the request accepts gzip.', LINES, 'text/csv') },
};
