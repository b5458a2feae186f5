import type { z } from 'zod';
import type { Requirement } from '../api/caller-checks';
import type { Parsed } from '../domain/parsing';
import type { Role } from '../domain/role';
import type { DescribedResponse, Examples } from './openapi/described';

/** The parts of a request that a route reads. The body is undefined if there was none. */
export interface RestRequest {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** Reads the variables of a route's operation from a request, or returns all of its faults. */
export type ReadVariables = (request: RestRequest) => Parsed<Readonly<Record<string, unknown>>>;

/** A route's response without its headers. */
export interface Answer<Body = unknown> {
  readonly status: number;
  readonly body: Body;
}

/** What a response may depend on besides the operation's data. */
export interface Asked {
  readonly organizationId: number;
  readonly correlationId: string;
  readonly now: Date;
  readonly variables: Readonly<Record<string, unknown>>;
  /** Whether the client is the vendor's SDK, which knows fewer status values (docs/legacy-sdk.md#status-values). */
  readonly isVendorSdk: boolean;
}

/** Writes an operation's data as the documented REST body, which has the type of its schema. */
export type WriteAnswer<Data, Body = unknown> = (data: Data, asked: Asked) => Answer<Body>;

/** What a route does with its operation, and what OpenAPI says about it. One subject of src/rest/subjects has all of it. */
export interface Endpoint {
  readonly read: ReadVariables;
  readonly write: WriteAnswer<never>;
  /** The schema that `read` applies: `params`, `query`, `headers` and `body`, each of them optional. */
  readonly request: z.ZodObject;
  /** What `write` writes, by HTTP status. */
  readonly responses: Readonly<Record<number, DescribedResponse>>;
  readonly examples?: Examples;
}

/** A REST path and the operation of operations.graphql that it runs against the GraphQL schema. */
export interface Route extends Endpoint {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly operation: string;
  /** The operation that is run instead if the variable `receipt` is true. */
  readonly receiptOperation?: string;
  /** Overrides the `@authorize` of the operation's root field (docs/authentication.md#who-reads-what). */
  readonly asks?: Partial<Pick<Requirement, 'roles' | 'credential' | 'scope'>>;
  /** Whether the body contains numbers other than ids, so that fractions are accepted. */
  readonly hasNumbers?: true;
}

/** The roles that may read the audit log over REST. */
export const AUDITORS: readonly Role[] = ['admin', 'security_manager'];
