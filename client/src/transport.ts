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

/** A credential, or what gets one; asked before each try, so that a token can be renewed. */
export type Credential = string | (() => string | Promise<string>);

export interface ClientOptions {
  /** Where the gateway is, such as `https://approvals.example.com`; in a browser `''` is where the page is from. */
  readonly url: string;
  /** A JWT: a person. Only with a JWT are actions decided. */
  readonly token?: Credential;
  /** An API key: a program, which submits, reads and waits. */
  readonly apiKey?: Credential;
  /** How often a request is tried again; 4, if not given. */
  readonly retries?: number;
  /** How long one try may take, in milliseconds; 30,000, if not given. */
  readonly timeout?: number;
  /** The pause before the first repetition, in milliseconds, doubled for each further one; 200, if not given. */
  readonly retryDelay?: number;
  /** Instead of the global one. */
  readonly fetch?: typeof globalThis.fetch;
}

/** The longest pause between two tries, in milliseconds, whatever a server asks for. */
const MAX_PAUSE = 30_000;
/** What can go well the next time. Every request is a read or has an idempotency key, so a repetition has no second effect. */
const PASSING: readonly ErrorCode[] = [
  'NETWORK',
  'TIMEOUT',
  'SERVICE_UNAVAILABLE',
  'RATE_LIMIT_EXCEEDED',
  'IDEMPOTENCY_CONFLICT',
];

/** A failed try. */
interface Failure {
  readonly error: CountersignError;
  /** When the server would have the next one, in milliseconds. */
  readonly retryAfter: number | null;
}

/** Sends operations to /graphql, and sends them again where that can help. */
export class Transport {
  constructor(private readonly options: ClientOptions) {}

  /**
   * The data of an operation.
   * @throws {CountersignError} the gateway's refusal, or what kept its answer from arriving
   */
  async run<Data, Variables>(
    operation: Operation<Data, Variables>,
    variables: Variables,
    signal?: AbortSignal,
  ): Promise<Data> {
    const { retries = 4, retryDelay = 200 } = this.options;
    for (let repetition = 0; ; repetition += 1) {
      const answer = await this.tryOnce(operation, variables, signal);
      // The document's own type says what the gateway answers it with.
      if (!('error' in answer)) return answer.data as Data;
      const { error, retryAfter } = answer;
      if (repetition >= retries || !isCountersignError(error, ...PASSING)) throw error;
      // Never all at the same moment, as clients that lost the same server would otherwise come back.
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

/** What /graphql answers, and any other server in between. */
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
  // Not the gateway's own words: a proxy that cannot reach it, or that wants less of us.
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
  // Apollo's own codes tell of the document, not of what it asks for, and come without the gateway's status.
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

/** A Retry-After in seconds or as a date (RFC 9110 10.2.3). */
function millisecondsOf(retryAfter: string | null): number | null {
  if (retryAfter === null) return null;
  const milliseconds = /^\d+$/.test(retryAfter)
    ? Number(retryAfter) * 1000
    : Date.parse(retryAfter) - Date.now();
  return Number.isNaN(milliseconds) ? null : Math.max(0, milliseconds);
}
