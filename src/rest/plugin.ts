import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { DocumentNode, GraphQLSchema } from 'graphql';
import { answerTooLarge } from '../domain/answer-budget';
import type { Principal } from '../domain/principal';
import { RefusedError, validationRefusal, type Refusal } from '../domain/refusal';
import { allowOnly } from '../api/allowed-methods';
import type { CallerChecks, Requirement, RequirementOf } from '../api/caller-checks';
import { refusalBehind } from '../api/error-refusals';
import type { ExecuteOperation, NewAnswerBudget } from '../api/operation';
import { untilSent } from '../api/replies';
import { readOperations, rootFieldOf } from './operations';
import type { Answer, RestRequest, Route } from './route';
import { ROUTES } from './routes';

export interface RestOptions {
  readonly schema: GraphQLSchema;
  readonly requirementOf: RequirementOf;
  readonly callerChecks: CallerChecks;
  readonly newAnswerBudget: NewAnswerBudget;
  readonly execute: ExecuteOperation;
  /** Sets `request.principal`. */
  readonly identify: (request: FastifyRequest) => Promise<void>;
  /** The current time, for the timestamps of errors. */
  readonly clock: () => Date;
}

/** The largest page of a REST list, in rows (docs/rest-api.md#lists). */
const MAX_PAGE_SIZE = 1000;

/** Adds the REST paths of the routes table. Each runs its operation against the schema. */
export function addRestRoutes(server: FastifyInstance, options: RestOptions): void {
  const documents = readOperations(options.schema);
  for (const route of ROUTES) addRoute(server, route, options, documents);
  for (const path of new Set(ROUTES.map((route) => route.path))) allowOnly(server, path, methodsOf(path));
}

/** Returns the methods of a path. A path with GET also has HEAD. */
function methodsOf(path: string): readonly string[] {
  const methods = ROUTES.filter((route) => route.path === path).map((route) => route.method);
  return methods.includes('GET') ? [...methods, 'HEAD'] : methods;
}

function addRoute(
  server: FastifyInstance,
  route: Route,
  { requirementOf, callerChecks, newAnswerBudget, execute, identify, clock }: RestOptions,
  documents: ReadonlyMap<string, DocumentNode>,
): void {
  const { receiptOperation } = route;
  const document = documentOf(documents, route.operation);
  const withReceipt = receiptOperation === undefined ? document : documentOf(documents, receiptOperation);
  const requirement = { ...requirementOf(rootFieldOf(document)), ...route.asks };
  server.route({
    method: route.method,
    url: route.path,
    config: { hasNumbers: route.hasNumbers === true },
    onRequest: [identify, checkCredential(callerChecks, requirement)],
    handler: async (request, reply) => {
      const { faults, value: variables } = route.read(request as RestRequest);
      if (faults !== undefined) throw new RefusedError(validationRefusal(faults));
      const operation = variables['receipt'] === true ? withReceipt : document;
      const principal = identified(request);
      const { organizationId } = principal;
      const { origin } = request;
      const budget = newAnswerBudget(organizationId);
      const asker = { principal, origin, maxPageSize: MAX_PAGE_SIZE, requirement, budget };
      return untilSent(reply.raw, budget, async () => {
        const { data, errors } = await execute({ document: operation, variables }, asker);
        const { rowsThatFit } = budget;
        if (rowsThatFit !== null) throw new RefusedError(answerTooLarge(rowsThatFit));
        if (errors !== undefined)
          throw new RefusedError(inRestNames(refusalBehind(errors[0]?.originalError)));
        const write = route.write as (data: unknown, asked: object) => Answer;
        const { correlationId } = origin;
        const isVendorSdk = request.headers['x-sdk-version'] !== undefined;
        const asked = { organizationId, correlationId, now: clock(), variables, isVendorSdk };
        const { status, body } = write(data, asked);
        return reply.code(status).send(body);
      });
    },
  });
}

function documentOf(documents: ReadonlyMap<string, DocumentNode>, operation: string): DocumentNode {
  const document = documents.get(operation);
  if (document === undefined) throw new Error(`operations.graphql has no ${operation}`);
  return document;
}

/** Checks the credential before the body is read: 401 comes first (docs/approval-policy.md#order-of-refusals). */
function checkCredential(
  callerChecks: CallerChecks,
  requirement: Requirement,
): (request: FastifyRequest) => Promise<void> {
  return (request) => {
    const { action_id: actionId } = request.params as { action_id?: string };
    return callerChecks.checkCredential(requirement, request, { actionId });
  };
}

function identified({ principal }: FastifyRequest): Principal {
  if (principal === null) throw new Error('The credential was not checked');
  return principal;
}

/** The REST names of the arguments that only the resolvers validate. */
const QUERY_NAMES: Readonly<Record<string, string>> = {
  after: 'cursor',
  agentId: 'agent_id',
  actionType: 'action_type',
  correlationId: 'correlation_id',
};

/** Renames the faulty arguments of a refusal to their query parameters. */
function inRestNames(refusal: Refusal): Refusal {
  if (refusal.errors === undefined) return refusal;
  const faults = refusal.errors.map(({ loc: [argument = '', ...rest], ...fault }) => ({
    loc: ['query', QUERY_NAMES[argument] ?? argument, ...rest],
    ...fault,
  }));
  return validationRefusal(faults);
}
