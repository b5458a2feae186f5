import 'reflect-metadata';
import { printSchemaWithDirectives } from '@graphql-tools/utils';
import type { GraphQLSchema } from 'graphql';
import { buildSchemaSync, getMetadataStorage, type ClassType } from 'type-graphql';
import type { AuthorizeDirective } from './authorize.directive';
import { ActionResolver } from './resolvers/action.resolver';
import { ApiKeyResolver } from './resolvers/api-key.resolver';
import { AuditLogResolver } from './resolvers/audit-log.resolver';
import { BulkDecisionResolver, DecisionResolver } from './resolvers/decision.resolver';
import { PolicyResolver, PolicyVersionResolver } from './resolvers/policy.resolver';
import { SubmissionResolver } from './resolvers/submission.resolver';
import { TreeResolver } from './resolvers/tree.resolver';
import { UserResolver } from './resolvers/user.resolver';
import { VoteResolver } from './resolvers/vote.resolver';

const RESOLVERS = [
  ActionResolver,
  ApiKeyResolver,
  AuditLogResolver,
  BulkDecisionResolver,
  DecisionResolver,
  PolicyResolver,
  PolicyVersionResolver,
  SubmissionResolver,
  TreeResolver,
  UserResolver,
  VoteResolver,
] as const;

/** The resolver instances, created where the application is composed (app.ts). */
export type Resolvers = readonly InstanceType<(typeof RESOLVERS)[number]>[];

/**
 * Builds the schema from the resolvers, with authorization in front of every root field.
 * @throws {Error} if a resolver instance is missing, or `@authorize` on a root field
 */
export function makeSchema(resolvers: Resolvers, authorize: AuthorizeDirective): GraphQLSchema {
  const instances = new Map<unknown, object>(resolvers.map((resolver) => [resolver.constructor, resolver]));
  // A simple field is read directly from its object instead of through a resolver of type-graphql. This requires that
  // the property has the field's name. Fields that are promises are declared `simple: false`, because a compiled
  // operation awaits resolvers only.
  for (const field of getMetadataStorage().fields) field.simple ??= field.name === field.schemaName;
  const schema = buildSchemaSync({
    resolvers: RESOLVERS,
    container: {
      get: (type: ClassType) => {
        const instance = instances.get(type);
        if (instance === undefined) throw new Error(`No instance of ${type.name} was made`);
        return instance;
      },
    },
    validate: false,
  });
  return authorize.applyTo(schema);
}

/** Prints the schema as SDL with its applied directives, as in schema.graphql. */
export function printSchema(schema: GraphQLSchema): string {
  return `${printSchemaWithDirectives(schema)}\n`;
}
