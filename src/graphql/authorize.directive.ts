import { getDirective, MapperKind, mapSchema } from '@graphql-tools/utils';
import {
  DirectiveLocation,
  GraphQLBoolean,
  GraphQLDirective,
  GraphQLEnumType,
  GraphQLList,
  GraphQLNonNull,
  GraphQLSchema,
  GraphQLString,
  defaultFieldResolver,
  type GraphQLFieldConfig,
} from 'graphql';
import type { Verdict } from '../domain/action';
import { refusalOfApiKey, refusalOfRole, refusalOfScope } from '../domain/decision-refusals';
import { parseId, parseIds, parseReason, type Parsed } from '../domain/decision-request';
import type { Principal, Reviewer, Role } from '../domain/principal';
import { RefusedError, validationRefusal, type Refusal } from '../domain/refusal';
import { parseIdempotencyKey, idempotencyKeyOf } from '../domain/idempotency';
import { authorizeActions } from '../use-cases/authorize-actions';
import type { BulkMode } from '../use-cases/decision-batch';
import type { RecordDeniedAttempt } from '../use-cases/record-denied-attempt';
import type { AuthorizedContext, RequestContext, ReviewerContext } from './context';
import { faultsOfLists } from './list-limits';
import { actionSourceOf } from './loaders';

/** What `@authorize` requires of the caller of one root field. */
export interface Requirement {
  readonly roles: readonly Role[];
  readonly credential: 'jwt' | 'any';
  /** The scope that an API key needs, where keys are accepted. Null if none is required. */
  readonly scope: string | null;
  /** The verdict of a decision mutation, which authorizes each of its actions. Null for all other fields. */
  readonly verdict: Verdict | null;
}

type RootField = GraphQLFieldConfig<unknown, RequestContext>;

interface DecisionArguments {
  readonly actionId?: unknown;
  readonly actionIds?: unknown;
  readonly reason?: unknown;
  /** Only in a bulk. The schema has already parsed the enum. */
  readonly mode?: BulkMode | null;
  readonly idempotencyKey?: unknown;
}

/** The validated arguments of a decision. */
interface ParsedDecision {
  readonly actionIds: readonly number[];
  readonly reason: string | null;
  readonly isBulk: boolean;
  readonly mode: BulkMode;
  readonly idempotencyKey: string | null;
}

/** The refusal of a request without a credential. */
export const MISSING_AUTH: Refusal = { code: 'MISSING_AUTH', detail: 'Authentication is required' };

/**
 * Enforces `@authorize` in front of every root field. It checks the credential, the arguments, the role, then each
 * action's risk level and limit (domain/approval-policy), and records attempts denied by credential or role.
 */
export class AuthorizeDirective {
  private requirements: ReadonlyMap<string, Requirement> = new Map();

  constructor(private readonly recordRefusedRequest: RecordDeniedAttempt) {}

  /**
   * Returns the schema with the directive's definition and with authorization in front of every root field.
   * @throws {Error} if `@authorize` is missing or incomplete on a root field
   */
  applyTo(schema: GraphQLSchema): GraphQLSchema {
    const defined = withDefinition(schema);
    const requirements = new Map<string, Requirement>();
    const gated = mapSchema(defined, {
      [MapperKind.ROOT_FIELD]: (field: RootField, fieldName, typeName) => {
        const requirement = requirementOf(defined, field, `${typeName}.${fieldName}`);
        requirements.set(fieldName, requirement);
        return this.gate(field, requirement);
      },
    });
    this.requirements = requirements;
    return gated;
  }

  /** Returns what a root field requires of its caller. @throws {Error} if there is no such root field */
  requirementOf(fieldName: string): Requirement {
    const requirement = this.requirements.get(fieldName);
    if (requirement === undefined) throw new Error(`There is no root field ${fieldName}`);
    return requirement;
  }

  /** Whether a root field is a decision mutation. False for unknown fields. */
  isDecision(fieldName: string): boolean {
    return (this.requirements.get(fieldName)?.verdict ?? null) !== null;
  }

  /**
   * Checks that the credential is present, of the required kind, and has the required scope. This check comes first:
   * REST makes it before it reads the body.
   * @throws {RefusedError} MISSING_AUTH, JWT_REQUIRED, or INSUFFICIENT_PERMISSIONS for an API key without the scope
   */
  async checkCredential(
    requirement: Requirement,
    context: Pick<RequestContext, 'principal' | 'origin'>,
    args: DecisionArguments,
  ): Promise<void> {
    const { principal } = context;
    if (principal === null) throw new RefusedError(MISSING_AUTH);
    if (principal.kind === 'user') return;
    if (requirement.credential === 'jwt')
      // REST has not read the body yet. GraphQL leaves out the reason too, so that both APIs record the same entry.
      await this.refuse(refusalOfApiKey(), principal, requirement, context, { actionId: args.actionId });
    if (requirement.scope !== null && !principal.scopes.includes(requirement.scope))
      throw new RefusedError(refusalOfScope(requirement.scope));
  }

  /**
   * Returns the reviewer who calls a REST path that runs no GraphQL operation. Call after `checkCredential`.
   * @throws {RefusedError} INSUFFICIENT_PERMISSIONS if the role may not use the path, MISSING_AUTH without a JWT
   */
  personOf({ roles }: Requirement, { principal }: Pick<RequestContext, 'principal'>): Reviewer {
    if (principal?.kind !== 'user') throw new RefusedError(MISSING_AUTH);
    if (roles.includes(principal.user.role)) return principal;
    throw new RefusedError(refusalOfRole(principal.user.role, roles));
  }

  private gate(field: RootField, ofField: Requirement): RootField {
    const resolve = field.resolve ?? defaultFieldResolver;
    const inputs = Object.entries(field.args ?? {}).map(([name, { type }]) => ({ name, type }));
    return {
      ...field,
      resolve: async (source, args: DecisionArguments, context, info) => {
        const requirement = context.requirement ?? ofField;
        await this.checkCredential(requirement, context, args);
        const request = requirement.verdict === null ? null : parseDecision(args);
        // parseDecision has already limited the number of a decision's ids.
        const tooLong =
          request === null ? faultsOfLists(args as Readonly<Record<string, unknown>>, inputs) : [];
        if (tooLong.length > 0) throw new RefusedError(validationRefusal(tooLong));
        await this.checkRole(requirement, context as AuthorizedContext, args);
        if (request !== null) await authorizeDecision(requirement, context as ReviewerContext, request);
        return resolve(source, args, context, info);
      },
    };
  }

  private async checkRole(
    requirement: Requirement,
    context: AuthorizedContext,
    args: DecisionArguments,
  ): Promise<void> {
    const { principal } = context;
    if (principal.kind === 'api_key' || requirement.roles.includes(principal.user.role)) return;
    const refusal = refusalOfRole(principal.user.role, requirement.roles);
    await this.refuse(refusal, principal, requirement, context, args);
  }

  /** Refuses the whole request. An attempt to decide is recorded first. @throws {RefusedError} the refusal, always */
  private async refuse(
    refusal: Refusal,
    principal: Principal,
    { verdict }: Requirement,
    { origin }: Pick<RequestContext, 'origin'>,
    args: DecisionArguments,
  ): Promise<never> {
    if (verdict !== null) {
      const actionId = parseId(args.actionId, []).value ?? null;
      const reason = parseReason(args.reason, []).value ?? null;
      await this.recordRefusedRequest({ principal, verdict, reason, origin, refusal, actionId });
    }
    throw new RefusedError(refusal);
  }
}

/** Checks the reviewer's authority over every action of the request, and puts the rulings into the context. */
async function authorizeDecision(
  { verdict }: Requirement,
  context: ReviewerContext,
  { actionIds, reason, isBulk, mode, idempotencyKey: key }: ParsedDecision,
): Promise<void> {
  if (verdict === null) return;
  const { principal: reviewer, origin } = context;
  const actions = actionSourceOf(context.loaders, reviewer.user.id);
  const attempt = { verdict, isBulk, hasReason: reason !== null };
  const items = await authorizeActions(reviewer, attempt, actionIds, actions);
  const asked = { verdict, isBulk, mode, actionIds, reason };
  const idempotencyKey = key === null ? null : idempotencyKeyOf(reviewer, 'key', key, asked);
  (context as RequestContext).authorized = {
    reviewer,
    attempt,
    mode,
    reason,
    origin,
    items,
    actions,
    idempotencyKey,
  };
}

/** Validates a decision's arguments. @throws {RefusedError} VALIDATION_ERROR with every fault in ids, reason and key */
function parseDecision(args: DecisionArguments): ParsedDecision {
  const isBulk = args.actionIds !== undefined;
  const ids: Parsed<readonly number[]> = isBulk
    ? parseIds(args.actionIds, ['actionIds'])
    : single(parseId(args.actionId, ['actionId']));
  const reason = parseReason(args.reason, ['reason']);
  const key = parseIdempotencyKey(args.idempotencyKey, ['idempotencyKey']);
  if (ids.faults !== undefined || reason.faults !== undefined || key.faults !== undefined)
    throw new RefusedError(validationRefusal([ids, reason, key].flatMap(({ faults }) => faults ?? [])));
  const mode = args.mode ?? 'best_effort';
  return { actionIds: ids.value, reason: reason.value, isBulk, mode, idempotencyKey: key.value };
}

function single(id: Parsed<number>): Parsed<readonly number[]> {
  return id.faults === undefined ? { value: [id.value] } : id;
}

function requirementOf(schema: GraphQLSchema, field: RootField, name: string): Requirement {
  const [directive] = getDirective(schema, field, 'authorize') ?? [];
  if (directive === undefined) throw new Error(`${name} does not say who may use it: it needs @authorize`);
  const verdict = (field.extensions?.['verdict'] as Verdict | undefined) ?? null;
  const { roles, credential, scope, riskLimited } = directive as Partial<Requirement> & {
    riskLimited?: boolean;
  };
  if ((riskLimited === true) !== (verdict !== null))
    throw new Error(`${name} is risk-limited without a verdict, or the reverse`);
  if (roles === undefined || credential === undefined)
    throw new Error(`${name} has to name roles and a credential`);
  return { roles, credential, scope: scope ?? null, verdict };
}

const CREDENTIAL = new GraphQLEnumType({
  name: 'Credential',
  description:
    'The credential that a field requires. JWT: a JSON Web Token. ANY: an API key or a JSON Web Token.',
  values: { JWT: { value: 'jwt' }, ANY: { value: 'any' } },
});

/** Returns the schema with the definition of `@authorize`, whose roles are the schema's `Role` enum. */
function withDefinition(schema: GraphQLSchema): GraphQLSchema {
  const config = schema.toConfig();
  const role = enumOf(schema, 'Role');
  const directive = new GraphQLDirective({
    name: 'authorize',
    description:
      "Restricts a field to roles and kinds of credential. On a risk-limited field, the caller's approval level and risk limit are checked for each action too.",
    locations: [DirectiveLocation.FIELD_DEFINITION],
    args: {
      roles: { type: new GraphQLList(new GraphQLNonNull(role)) },
      credential: { type: CREDENTIAL },
      scope: {
        type: GraphQLString,
        description: 'The scope that an API key needs, where API keys are accepted.',
      },
      riskLimited: { type: GraphQLBoolean },
    },
  });
  return new GraphQLSchema({ ...config, directives: [...config.directives, directive] });
}

function enumOf(schema: GraphQLSchema, name: string): GraphQLEnumType {
  const type = schema.getType(name);
  if (type instanceof GraphQLEnumType) return type;
  throw new Error(`The schema has no enum ${name}`);
}
