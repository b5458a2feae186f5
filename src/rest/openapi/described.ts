import type { Requirement } from '../../graphql/authorize.directive';
import type { Schema } from './json-schema';

/** What a request can bring beside its path. */
export interface Takes {
  /** By name; none of them is required. */
  readonly query?: Readonly<Record<string, Schema>>;
  /** Whether `Idempotency-Key` counts. */
  readonly idempotencyKey?: true;
  /** In JSON. Left out, it is as `{}`. */
  readonly body?: Schema;
}

/** An answer that is no error. */
export interface Gives {
  readonly description: string;
  /** By media type. */
  readonly content: Readonly<Record<string, Schema>>;
}

/** What a request decides: one action, several, or nothing. */
type Decides = 'one' | 'many' | null;

/** One method of one path, as the document tells it. */
export interface Described {
  readonly method: 'GET' | 'POST';
  /** As Fastify writes it: `/api/v1/actions/:action_id`. */
  readonly path: string;
  readonly operationId: string;
  readonly tag: string;
  readonly description: string;
  /** Null where no credential is needed; `optional` where one that is presented has to count all the same. */
  readonly requirement: Pick<Requirement, 'roles' | 'credential' | 'scope'> | 'optional' | null;
  readonly decides: Decides;
  readonly takes: Takes;
  /** By HTTP status. */
  readonly gives: Readonly<Record<number, Gives>>;
  /** Whether a 404 can mean that there is nothing yet, beside an action that does not exist. */
  readonly canBeAbsent?: boolean;
}

/** The answer of JSON. */
export function json(description: string, schema: Schema): Gives {
  return { description, content: { 'application/json': schema } };
}
