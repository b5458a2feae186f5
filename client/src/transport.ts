import {
  CountersignError,
  isCountersignError,
  type ErrorCode,
  type Facts,
  type InputFault,
} from './error.ts';
import { withNumericIds } from './ids.ts';
import type { Operation } from './operation.ts';
import { pause } from './pause.ts';

/** A credential, or a function that returns one, called before each attempt, so that a token can be renewed. */
export type Credential = string | (() => string | Promise<string>);

export interface ClientOptions {
  /**
   * The base URL of the gateway, such as `https://approvals.example.com`; in a browser, `''` is the page's own origin.
   */
  readonly url: string;
  /** A JWT, which identifies a user. Deciding requires one. */
  readonly token?: Credential;
  /** An API key, which identifies a program that submits, reads and waits. */
  readonly apiKey?: Credential;
  /** The maximum number of retries of a request; 4 by default. */
  readonly retries?: number;
  /** The time limit of one attempt, in milliseconds; 30,000 by default. */
  readonly timeout?: number;
  /** The pause before the first retry, in milliseconds, doubled for each further one; 200 by default. */
  readonly retryDelay?: number;
  /** Used instead of the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch;
}

/** The longest pause between two attempts, in milliseconds, whatever a server asks for. */
const MAX_PAUSE = 30_000;
/** The codes worth a retry. Every request is a read or has an idempotency key, so a retry has no second effect. */
const PASSING: readonly ErrorCode[] = [
  'NETWORK',
  'TIMEOUT',
  'SERVICE_UNAVAILABLE',
  'RATE_LIMIT_EXCEEDED',
  'IDEMPOTENCY_CONFLICT',
];

/** A failed attempt. */
interface Failure {
  readonly error: CountersignError;
  /** The pause that the server asked for, in milliseconds. */
  readonly retryAfter: number | null;
}

/** Sends operations to /graphql, with retries where they can help. */
export class Transport {
  constructor(private readonly options: ClientOptions) {}

  /**
   * Returns the data of an operation.
   * @throws {CountersignError} the gateway's refusal, or the failure that prevented a response
   * @throws the signal's reason once it is aborted
   */
  async run<Data, Variables>(
    operation: Operation<Data, Variables>,
    variables: Variables,
    signal?: AbortSignal,
  ): Promise<Data> {
    const { retries = 4, retryDelay = 200 } = this.options;
    for (let repetition = 0; ; repetition += 1) {
      const answer = await this.tryOnce(operation, variables, signal);
      // The gateway's response to a document has the document's own type.
      if (!('error' in answer)) return answer.data as Data;
      const { error, retryAfter } = answer;
      if (repetition >= retries || !isCountersignError(error, ...PASSING)) throw error;
      // Random, so that clients that lost the same server do not all return at the same moment.
      const backOff = retryDelay * 2 ** repetition * (0.5 + Math.random() / 2);
      await pause(Math.min(Math.max(retryAfter ?? 0, backOff), MAX_PAUSE), signal);
    }
  }

  private async tryOnce(
    query: string,
    variables: unknown,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly data: unknown } | Failure> {
    const { url, timeout = 30_000, fetch = globalThis.fetch } = this.options;
    const credential = await this.credential();
    const limit = AbortSignal.timeout(timeout);
    try {
      const response = await fetch(`${url.replace(/\/+$/, '')}/graphql`, {
        method: 'POST',
        headers: { ...credential, 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify({ query, variables }),
        signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
      });
      return readAnswer(response, await response.text());
    } catch (cause) {
      signal?.throwIfAborted();
      const [code, message] = limit.aborted
        ? (['TIMEOUT', `The gateway did not answer within ${String(timeout)} ms`] as const)
        : (['NETWORK', 'The gateway could not be reached, or its answer was lost'] as const);
      return { error: new CountersignError(code, message, { cause }), retryAfter: null };
    }
  }

  private async credential(): Promise<Record<string, string>> {
    const { token, apiKey } = this.options;
    if (token !== undefined) return { authorization: `Bearer ${await valueOf(token)}` };
    return apiKey === undefined ? {} : { 'x-api-key': await valueOf(apiKey) };
  }
}

async function valueOf(credential: Credential): Promise<string> {
  return typeof credential === 'string' ? credential : credential();
}

/** A response of /graphql, or of a server in between. */
interface Body {
  readonly data?: unknown;
  readonly errors?: readonly {
    readonly message: string;
    readonly extensions?: Readonly<Record<string, unknown>>;
  }[];
}

function readAnswer(response: Response, text: string): { readonly data: unknown } | Failure {
  const retryAfter = millisecondsOf(response.headers.get('retry-after'));
  const body = parse(text);
  const [error] = body?.errors ?? [];
  if (error !== undefined) return { error: errorOf(error.message, error.extensions ?? {}), retryAfter };
  if (body?.data != null) return { data: withNumericIds(body.data) };
  // Not the gateway's own response: a proxy cannot reach the gateway, or limits the rate.
  const { status } = response;
  const code = PROXY_CODES[status] ?? 'BAD_ANSWER';
  const message = `Something that is not the gateway answered with ${String(status)}`;
  return { error: new CountersignError(code, message, { status }), retryAfter };
}

const PROXY_CODES: Readonly<Record<number, ErrorCode>> = {
  429: 'RATE_LIMIT_EXCEEDED',
  502: 'SERVICE_UNAVAILABLE',
  503: 'SERVICE_UNAVAILABLE',
  504: 'SERVICE_UNAVAILABLE',
};

function errorOf(message: string, extensions: Readonly<Record<string, unknown>>): CountersignError {
  const { code, status, correlationId, errors, ...facts } = withNumericIds(extensions) as {
    readonly code?: ErrorCode;
    readonly status?: number;
    readonly correlationId?: string;
    readonly errors?: readonly InputFault[];
  } & Facts;
  // Apollo's own codes concern the document, not the operation, and come without the gateway's status.
  const known = code === undefined || status === undefined ? 'GRAPHQL' : code;
  return new CountersignError(known, message, { status, correlationId, errors, facts });
}

function parse(text: string): Body | null {
  try {
    return JSON.parse(text) as Body | null;
  } catch {
    return null;
  }
}

/** Returns a Retry-After header, in seconds or as a date (RFC 9110 10.2.3), in milliseconds from now. */
function millisecondsOf(retryAfter: string | null): number | null {
  if (retryAfter === null) return null;
  const milliseconds = /^\d+$/.test(retryAfter)
    ? Number(retryAfter) * 1000
    : Date.parse(retryAfter) - Date.now();
  return Number.isNaN(milliseconds) ? null : Math.max(0, milliseconds);
}
