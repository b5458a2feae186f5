import type { Verdict } from '../domain/action';
import type { RequestOrigin } from '../domain/audit-entry';
import { refusalOfApiKey, refusalOfRole, refusalOfScope } from '../domain/decision-refusals';
import { parseId, parseReason } from '../domain/parsing';
import type { Principal, Reviewer } from '../domain/principal';
import type { Role } from '../domain/role';
import { RefusedError, type Refusal } from '../domain/refusal';
import type { RecordDeniedAttempt } from '../use-cases/decisions/record-denied-attempt';

/** What a root field or a path requires of its caller (docs/authentication.md#who-reads-what). */
export interface Requirement {
  readonly roles: readonly Role[];
  readonly credential: 'jwt' | 'any';
  /** The scope that an API key needs, where keys are accepted. Null if none is required. */
  readonly scope: string | null;
  /** The verdict of a decision mutation, which authorizes each of its actions. Null for all other fields. */
  readonly verdict: Verdict | null;
}

/** Returns what a root field of the schema requires of its caller. @throws {Error} if there is no such root field */
export type RequirementOf = (rootField: string) => Requirement;

/** Who sends a request, and from where. */
export interface Caller {
  /** Null without a credential. */
  readonly principal: Principal | null;
  readonly origin: RequestOrigin;
}

/** What an attempt to decide names. It is not validated yet. */
export interface AttemptArguments {
  readonly actionId?: unknown;
  readonly reason?: unknown;
}

/** The refusal of a request without a credential. */
export const MISSING_AUTH: Refusal = { code: 'MISSING_AUTH', detail: 'Authentication is required' };

/** Checks the credential and the role of callers, for both APIs, and records the attempts to decide that it denies. */
export class CallerChecks {
  constructor(private readonly recordDeniedAttempt: RecordDeniedAttempt) {}

  /**
   * Checks that the credential is present, of the required kind, and has the required scope. This check comes first:
   * REST makes it before it reads the body.
   * @throws {RefusedError} MISSING_AUTH, JWT_REQUIRED, or INSUFFICIENT_PERMISSIONS for an API key without the scope
   */
  async checkCredential(requirement: Requirement, caller: Caller, args: AttemptArguments): Promise<void> {
    const { principal, origin } = caller;
    if (principal === null) throw new RefusedError(MISSING_AUTH);
    if (principal.kind === 'user') return;
    if (requirement.credential === 'jwt')
      // REST has not read the body yet. GraphQL leaves out the reason too, so that both APIs record the same entry.
      await this.refuse(refusalOfApiKey(), principal, requirement, origin, { actionId: args.actionId });
    if (requirement.scope !== null && !principal.scopes.includes(requirement.scope))
      throw new RefusedError(refusalOfScope(requirement.scope));
  }

  /**
   * Checks the role of a user. Call after `checkCredential`.
   * @throws {RefusedError} INSUFFICIENT_PERMISSIONS
   */
  async checkRole(
    requirement: Requirement,
    { principal, origin }: Caller & { readonly principal: Principal },
    args: AttemptArguments,
  ): Promise<void> {
    if (principal.kind === 'api_key' || requirement.roles.includes(principal.user.role)) return;
    const refusal = refusalOfRole(principal.user.role, requirement.roles);
    await this.refuse(refusal, principal, requirement, origin, args);
  }

  /** Refuses the whole request. An attempt to decide is recorded first. @throws {RefusedError} the refusal, always */
  private async refuse(
    refusal: Refusal,
    principal: Principal,
    { verdict }: Requirement,
    origin: RequestOrigin,
    args: AttemptArguments,
  ): Promise<never> {
    if (verdict !== null) {
      const actionId = parseId(args.actionId, []).value ?? null;
      const reason = parseReason(args.reason, []).value ?? null;
      await this.recordDeniedAttempt({ principal, verdict, reason, origin, refusal, actionId });
    }
    throw new RefusedError(refusal);
  }
}

/**
 * Returns the reviewer who calls a path that runs no GraphQL operation. Call after `checkCredential`.
 * @throws {RefusedError} INSUFFICIENT_PERMISSIONS if the role may not use the path, MISSING_AUTH without a JWT
 */
export function reviewerOf({ roles }: Requirement, { principal }: Pick<Caller, 'principal'>): Reviewer {
  if (principal?.kind !== 'user') throw new RefusedError(MISSING_AUTH);
  if (roles.includes(principal.user.role)) return principal;
  throw new RefusedError(refusalOfRole(principal.user.role, roles));
}
