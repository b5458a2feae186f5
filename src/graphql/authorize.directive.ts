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
import type { AttemptArguments, CallerChecks, Requirement, RequirementOf } from '../api/caller-checks';
import type { Verdict } from '../domain/action';
import { parseId, parseIds, parseReason, type Parsed } from '../domain/parsing';
import { RefusedError, validationRefusal } from '../domain/refusal';
import { parseIdempotencyKey, idempotencyKeyOf } from '../domain/idempotency';
import { authorizeActions } from '../use-cases/decisions/authorize-actions';
import type { BulkMode } from '../use-cases/decisions/decision-batch';
import type { AuthorizedContext, RequestContext, ReviewerContext } from './context';
import { faultsOfLists } from './list-limits';
import { actionSourceOf } from './loaders';

type RootField = GraphQLFieldConfig<unknown, RequestContext>;

interface DecisionArguments extends AttemptArguments {
  readonly actionIds?: unknown;
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

/**
 * Enforces `@authorize` in front of every root field. It checks the credential, the arguments, the role, then each
 * action's risk level and limit (domain/approval-policy), and records attempts denied by credential or role.
 */
export class AuthorizeDirective {
  private requirements: ReadonlyMap<string, Requirement> = new Map();

  constructor(private readonly caller: CallerChecks) {}

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
  readonly requirementOf: RequirementOf = (fieldName) => {
    const requirement = this.requirements.get(fieldName);
    if (requirement === undefined) throw new Error(`There is no root field ${fieldName}`);
    return requirement;
  };

  /** Whether a root field is a decision mutation. False for unknown fields. */
  isDecision(fieldName: string): boolean {
    return (this.requirements.get(fieldName)?.verdict ?? null) !== null;
  }

  private gate(field: RootField, ofField: Requirement): RootField {
    const resolve = field.resolve ?? defaultFieldResolver;
    const inputs = Object.entries(field.args ?? {}).map(([name, { type }]) => ({ name, type }));
    return {
      ...field,
      resolve: async (source, args: DecisionArguments, context, info) => {
        const requirement = context.requirement ?? ofField;
        await this.caller.checkCredential(requirement, context, args);
        const request = requirement.verdict === null ? null : parseDecision(args);
        // parseDecision has already limited the number of a decision's ids.
        const tooLong =
          request === null ? faultsOfLists(args as Readonly<Record<string, unknown>>, inputs) : [];
        if (tooLong.length > 0) throw new RefusedError(validationRefusal(tooLong));
        await this.caller.checkRole(requirement, context as AuthorizedContext, args);
        if (request !== null) await authorizeDecision(requirement, context as ReviewerContext, request);
        return resolve(source, args, context, info);
      },
    };
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
