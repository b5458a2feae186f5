import 'reflect-metadata';
import { printSchemaWithDirectives } from '@graphql-tools/utils';
import type { GraphQLSchema } from 'graphql';
import { buildSchemaSync, getMetadataStorage, type ClassType } from 'type-graphql';
import type { AuthorizeDirective } from './authorize.directive';
import { ActionResolver } from './resolvers/action.resolver';
import { ApiKeyResolver } from './resolvers/api-key.resolver';
import { AuditLogResolver } from './resolvers/audit-log.resolver';
import { DecisionResolver } from './resolvers/decision.resolver';
import { PolicyResolver, PolicyVersionResolver } from './resolvers/policy.resolver';
import { SubmissionResolver } from './resolvers/submission.resolver';
import { TreeResolver } from './resolvers/tree.resolver';
import { UserResolver } from './resolvers/user.resolver';
import { VoteResolver } from './resolvers/vote.resolver';

const RESOLVERS = [
  ActionResolver,
  ApiKeyResolver,
  AuditLogResolver,
  DecisionResolver,
  PolicyResolver,
  PolicyVersionResolver,
  SubmissionResolver,
  TreeResolver,
  UserResolver,
  VoteResolver,
] as const;

/** The resolvers, made by whoever composes the application. */
export type Resolvers = readonly InstanceType<(typeof RESOLVERS)[number]>[];

/** Builds the schema from the resolvers and puts the authorization gate in front of every root field. */
export function makeSchema(resolvers: Resolvers, authorize: AuthorizeDirective): GraphQLSchema {
  const instances = new Map<unknown, object>(resolvers.map((resolver) => [resolver.constructor, resolver]));
  // What has no resolver is read off its object as it is, not through a resolver of type-graphql's: under the schema's
  // name, so only where the object has it too. A field that is a promise says that it is not simple: what is compiled
  // waits for resolvers only.
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

/** The schema as SDL, with its applied directives: what schema.graphql holds. */
export function printSchema(schema: GraphQLSchema): string {
  return `${printSchemaWithDirectives(schema)}\n`;
}
