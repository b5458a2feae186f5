import { z } from 'zod';
import type { Requirement } from '../../api/caller-checks';
import { jsonSchemaOf, requestSchemaOf, type Schema } from './json-schema';
import { TEXT } from './vocabulary';

/** The parameters and body of a request, apart from its path. */
export interface RequestParts {
  /** By name. All of them are optional. */
  readonly query?: Readonly<Record<string, Schema>>;
  /** Whether `Idempotency-Key` has an effect. */
  readonly idempotencyKey?: true;
  /** Whether `Prefer: return=receipt` has an effect. */
  readonly receipt?: true;
  /** The JSON body. An absent one counts as `{}`. */
  readonly body?: Schema;
}

/** Returns the parts of a request from their schema. */
export function partsOf({ shape }: z.ZodObject): RequestParts {
  const { query, headers, body } = shape as Readonly<Record<string, z.ZodType | undefined>>;
  return {
    ...(query instanceof z.ZodObject && { query: requestSchemaOf(query).properties ?? {} }),
    ...(headers !== undefined && { idempotencyKey: true }),
    ...(headers instanceof z.ZodObject && 'prefer' in headers.shape && { receipt: true }),
    ...(body !== undefined && { body: requestSchemaOf(body) }),
  };
}

/** A successful response. */
export interface DescribedResponse {
  readonly description: string;
  /** By media type. */
  readonly content: Readonly<Record<string, Schema>>;
}

/** The examples of an operation. They use the demo data, so that trying one out works. */
export interface Examples {
  /** The request body. */
  readonly body?: unknown;
  /** By HTTP status. */
  readonly answers?: Readonly<Record<string, unknown>>;
}

/** Whether a request decides one action, several, or none. */
type Decides = 'one' | 'many' | null;

/** The description of one method of one path. */
export interface Described {
  readonly method: 'GET' | 'POST';
  /** In Fastify's notation: `/api/v1/actions/:action_id`. */
  readonly path: string;
  readonly operationId: string;
  readonly tag: string;
  readonly description: string;
  /** Null if no credential is required; `optional` if, in addition, an invalid one is refused. */
  readonly requirement: Pick<Requirement, 'roles' | 'credential' | 'scope'> | 'optional' | null;
  readonly decides: Decides;
  readonly request: RequestParts;
  readonly examples?: Examples;
  /** By HTTP status. */
  readonly responses: Readonly<Record<number, DescribedResponse>>;
  /** Whether NOT_FOUND can occur because there is nothing yet. */
  readonly canBeAbsent?: boolean;
}

/** Returns a JSON response. */
export function json(description: string, schema: z.ZodType): DescribedResponse {
  return { description, content: { 'application/json': jsonSchemaOf(schema) } };
}

/** The description of a path outside of the routes table. It is read with GET. */
export type DescribedRead = Omit<Described, 'method' | 'decides' | 'tag'>;

/** The media type of JSON lines. */
export const LINES = 'application/jsonl';

/** Returns a response of text in one of these media types. */
export function file(description: string, ...types: readonly string[]): DescribedResponse {
  return { description, content: Object.fromEntries(types.map((type) => [type, jsonSchemaOf(TEXT)])) };
}
