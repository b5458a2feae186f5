import type { Requirement } from '../../api/caller-checks';
import type { Schema } from './json-schema';

/** The parameters and body of a request, apart from its path. */
export interface RequestParts {
  /** By name. All of them are optional. */
  readonly query?: Readonly<Record<string, Schema>>;
  /** Whether `Idempotency-Key` has an effect. */
  readonly idempotencyKey?: true;
  /** The JSON body. An absent one counts as `{}`. */
  readonly body?: Schema;
}

/** A successful response. */
export interface DescribedResponse {
  readonly description: string;
  /** By media type. */
  readonly content: Readonly<Record<string, Schema>>;
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
  /** By HTTP status. */
  readonly responses: Readonly<Record<number, DescribedResponse>>;
  /** Whether NOT_FOUND can occur because there is nothing yet. */
  readonly canBeAbsent?: boolean;
}

/** Returns a JSON response. */
export function json(description: string, schema: Schema): DescribedResponse {
  return { description, content: { 'application/json': schema } };
}
