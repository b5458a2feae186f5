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
import { parseIdempotencyKey, retryKeyOf } from '../domain/retry';
import { authorizeActions } from '../use-cases/authorize-actions';
import type { BulkMode } from '../use-cases/decision-batch';
import type { RecordRefusedRequest } from '../use-cases/record-refused-request';
import type { AuthorizedContext, RequestContext, ReviewerContext } from './context';
import { faultsOfLists } from './list-limits';
import { actionSourceOf } from './loaders';

/** What `@authorize` asks for on one root field. */
export interface Requirement {
  readonly roles: readonly Role[];
  readonly credential: 'jwt' | 'any';
  /** The scope that an API key needs, where keys are accepted. */
  readonly scope: string | null;
  /** The verdict that the field gives, on a field whose actions are held against the caller's authority; else null. */
  readonly verdict: Verdict | null;
}

type RootField = GraphQLFieldConfig<unknown, RequestContext>;

interface DecisionArguments {
  readonly actionId?: unknown;
  readonly actionIds?: unknown;
  readonly reason?: unknown;
  /** Of a bulk; the schema's own values. */
  readonly mode?: BulkMode | null;
  readonly idempotencyKey?: unknown;
}

/** What a decision's arguments say. */
interface ParsedDecision {
  readonly actionIds: readonly number[];
  readonly reason: string | null;
  readonly isBulk: boolean;
  readonly mode: BulkMode;
  readonly idempotencyKey: string | null;
}

export const MISSING_AUTH: Refusal = { code: 'MISSING_AUTH', detail: 'Authentication is required' };

/**
 * The gate in front of every root field, from `@authorize` in the schema: credential, arguments, role, then each
 * action's risk level and limit by the one rule (domain/approval-policy). Refused tries to decide become evidence.
 */
export class AuthorizeDirective {
  private requirements: ReadonlyMap<string, Requirement> = new Map();

  constructor(private readonly recordRefusedRequest: RecordRefusedRequest) {}

  /**
   * Adds the directive's definition and puts the gate in front of every root field.
   * @throws {Error} for a root field that does not say who may use it
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

  /** What a root field asks for. */
  requirementOf(fieldName: string): Requirement {
    const requirement = this.requirements.get(fieldName);
    if (requirement === undefined) throw new Error(`There is no root field ${fieldName}`);
    return requirement;
  }

  /** Whether a root field decides; false for what is none. */
  isDecision(fieldName: string): boolean {
    return (this.requirements.get(fieldName)?.verdict ?? null) !== null;
  }

  /**
   * The first question, which REST asks before it reads a body: is there a credential, and of the right kind?
   * @throws {RefusedError} MISSING_AUTH, JWT_REQUIRED, or for a key without the scope INSUFFICIENT_PERMISSIONS
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
      // Over REST the body is not read yet, so over GraphQL its reason does not count either.
      await this.refuse(refusalOfApiKey(), principal, requirement, context, { actionId: args.actionId });
    if (requirement.scope !== null && !principal.scopes.includes(requirement.scope))
      throw new RefusedError(refusalOfScope(requirement.scope));
  }

  /**
   * The person who asks, on a path whose credential was checked and that is no operation of the schema.
   * @throws {RefusedError} INSUFFICIENT_PERMISSIONS for a role that the path is closed to
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
        // A decision's ids are counted where they are read.
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

  /** Refuses a whole request; where it was a try to decide, that is recorded first. */
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

/** Holds every action of the request against the reviewer's authority and hands the rulings on to the resolver. */
async function authorizeDecision(
  { verdict }: Requirement,
  context: ReviewerContext,
  { actionIds, reason, isBulk, mode, idempotencyKey }: ParsedDecision,
): Promise<void> {
  if (verdict === null) return;
  const { principal: reviewer, origin } = context;
  const actions = actionSourceOf(context.loaders, reviewer.user.id);
  const attempt = { verdict, isBulk, hasReason: reason !== null };
  const items = await authorizeActions(reviewer, attempt, actionIds, actions);
  const asked = { verdict, isBulk, mode, actionIds, reason };
  const retry = idempotencyKey === null ? null : retryKeyOf(reviewer, 'key', idempotencyKey, asked);
  (context as RequestContext).authorized = { reviewer, attempt, mode, reason, origin, items, actions, retry };
}

/** @throws {RefusedError} VALIDATION_ERROR with every fault in the ids and the reason */
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

/** The schema with `directive @authorize`, over the schema's own Role. */
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
