import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { AuditProofs } from '../../audit/audit-proofs';
import { verdictOf, type AuditVerdict, type VerificationReport } from '../../audit/verification';
import type { Progress, ProgressStep } from '../../audit/verify-bundle';
import { RefusedError, validationRefusal } from '../../domain/refusal';
import { reviewerOf, type CallerChecks, type Requirement } from '../../api/caller-checks';
import { allowOnly } from '../../api/allowed-methods';
import { streamAfterFirstChunk } from '../stream-after-first-chunk';
import { file, LINES, partsOf, type DescribedRead } from '../openapi/described';
import { leafIndex, reads } from '../parameters';
import { AUDITORS, type RestRequest } from '../route';

const PATH = '/api/admin/audit-logs/verify';
const REQUIREMENT: Requirement = { roles: AUDITORS, credential: 'jwt', scope: null, verdict: null };

/** Reads `?from&to`: leaf indices, inclusive and exclusive. Empty parameters count as absent. */
const LEAF_RANGE = reads(
  z.object({
    query: z.object({
      from: leafIndex('First leaf index, inclusive.'),
      to: leafIndex('Last leaf index, exclusive.'),
    }),
  }),
  ({ query: { from, to } }) => ({ from: from ?? null, to: to ?? null }),
);

/**
 * Adds the verification of the audit log, which streams its progress as JSON lines: one per step and fault, then the
 * report. `verifyAuditLog` in GraphQL runs the same verification and returns only the report.
 */
export function addVerification(
  server: FastifyInstance,
  callerChecks: CallerChecks,
  identify: (request: FastifyRequest) => Promise<void>,
  proofs: AuditProofs,
): void {
  server.get(PATH, {
    exposeHeadRoute: false,
    onRequest: [identify, (request) => callerChecks.checkCredential(REQUIREMENT, request, {})],
    handler: async (request, reply) => {
      const range = LEAF_RANGE.read(request as RestRequest);
      if (range.faults !== undefined) throw new RefusedError(validationRefusal(range.faults));
      const viewer = reviewerOf(REQUIREMENT, request);
      const steps = stepsOf((progress) => proofs.verify(viewer, range.value, progress));
      const lines = await streamAfterFirstChunk(linesOf(steps));
      return reply.type('application/jsonl; charset=utf-8').header('Cache-Control', 'no-store').send(lines);
    },
  });
  allowOnly(server, PATH, ['GET']);
}

type Step = ProgressStep | { readonly report: VerificationReport & { readonly verdict: AuditVerdict } };

async function* linesOf(steps: AsyncIterable<Step>): AsyncGenerator<string, void> {
  for await (const step of steps) yield `${JSON.stringify(step)}\n`;
}

/** Stops a verification whose client is gone. */
class AbandonedError extends Error {
  override readonly name = 'AbandonedError';
}

/** Runs a verification and yields its steps in order, then its report. Closing the generator stops the verification. */
async function* stepsOf(
  verify: (progress: Progress) => Promise<VerificationReport>,
): AsyncGenerator<Step, void> {
  const told: ProgressStep[] = [];
  let wake: () => void = () => undefined;
  const state = { isOver: false, isAbandoned: false };
  const report = verify((step) => {
    if (state.isAbandoned) throw new AbandonedError();
    told.push(step);
    wake();
  });
  const ended = report.then(
    () => (state.isOver = true),
    () => (state.isOver = true),
  );
  try {
    while (!state.isOver || told.length > 0) {
      const step = told.shift();
      if (step !== undefined) yield step;
      else await Promise.race([ended, new Promise<void>((resolve) => (wake = resolve))]);
    }
    const found = await report;
    yield { report: { verdict: verdictOf(found), ...found } };
  } finally {
    state.isAbandoned = true;
  }
}

/** What OpenAPI says about the path. */
export const VERIFICATION_PATH: DescribedRead = {
  path: PATH,
  operationId: 'verifyAuditLog',
  description:
    'Recomputes the Merkle tree of the audit log, checks entries, actions, policies and checkpoints against each other, and reports progress.',
  requirement: REQUIREMENT,
  request: partsOf(LEAF_RANGE.request),
  responses: { 200: file('One line for each step and each fault. The last line is the report.', LINES) },
};
