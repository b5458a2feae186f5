import type { FastifyRequest } from 'fastify';
import type { Logger } from '../observability/logger';
import type { Metrics } from '../observability/metrics';
import { CREDENTIAL_FAULTS, type CredentialRefusedError } from './credential-fault';

/**
 * Creates the function that reports a refused credential to operators, in the log and in a metric. The caller gets only
 * the uniform refusal, whose correlation id leads to the log entry.
 */
export function makeTellRefusedCredential(
  log: Logger,
  metrics: Metrics,
): (error: CredentialRefusedError, request: FastifyRequest) => void {
  for (const fault of CREDENTIAL_FAULTS) metrics.countAuthenticationFailure(fault, 0);
  return ({ fault, details, refusal: { code } }, { origin, address }) => {
    metrics.countAuthenticationFailure(fault);
    const { correlationId } = origin;
    log.info({ correlationId, reason: fault, code, ip: address, ...details }, 'a credential was refused');
  };
}
