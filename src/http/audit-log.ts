import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AuditProofs } from '../audit/audit-proofs';
import type { LogKey } from '../audit/log-key';
import { ROLES } from '../domain/role';
import { RefusedError } from '../domain/refusal';
import { reviewerOf, type CallerChecks, type Requirement } from '../api/caller-checks';
import { allowOnly } from '../api/allowed-methods';

const KEYS_PATH = '/.well-known/countersign-audit-keys';
const CHECKPOINT_PATH = '/checkpoint';
const READERS: Requirement = { roles: ROLES, credential: 'jwt', scope: null, verdict: null };

/**
 * Adds the paths for monitors of the audit log: the public keys, which require no credential, and the newest checkpoint
 * of the caller's organization.
 */
export function addAuditLog(
  server: FastifyInstance,
  options: {
    readonly callerChecks: CallerChecks;
    readonly identify: (request: FastifyRequest) => Promise<void>;
    readonly proofs: AuditProofs;
    readonly key: LogKey;
  },
): void {
  const { callerChecks, identify, proofs, key } = options;
  server.get(KEYS_PATH, (_request, reply) => reply.type('text/plain; charset=utf-8').send(key.keysText));
  server.get(CHECKPOINT_PATH, {
    onRequest: [identify, (request) => callerChecks.checkCredential(READERS, request, {})],
    handler: async (request, reply) => {
      const checkpoint = await proofs.latestCheckpoint(reviewerOf(READERS, request));
      if (checkpoint === null) throw new RefusedError({ code: 'NOT_FOUND', detail: 'Nothing is sealed yet' });
      return reply
        .type('text/plain; charset=utf-8')
        .header('Cache-Control', 'no-store')
        .send(checkpoint.note);
    },
  });
  for (const path of [KEYS_PATH, CHECKPOINT_PATH]) allowOnly(server, path, ['GET', 'HEAD']);
}
