import type { Answer, Gateway, RequestOptions } from './gateway';

/** The two APIs of the product. */
export const APIS = ['rest', 'graphql'] as const;
export type Api = (typeof APIS)[number];

export const VERDICTS = ['approve', 'reject'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** The outcome of a request, in one shape for both APIs: REST's. */
export interface Outcome {
  /** The HTTP status. */
  readonly http: number;
  /** The status that the body states; 200 where it was not refused. */
  readonly status: number;
  readonly code: string | null;
  readonly detail: string | null;
  readonly facts: Readonly<Record<string, unknown>>;
  /** The faults of a malformed request, without their places, which each API names in its own way. */
  readonly faults: readonly { readonly msg: string; readonly type: string }[];
}

interface RestRefusal {
  readonly error_code?: string;
  readonly detail?: string;
  readonly status?: number;
  readonly context?: Readonly<Record<string, unknown>>;
  readonly errors?: readonly Fault[];
}

interface GraphqlRefusal {
  readonly message: string;
  readonly extensions: Readonly<Record<string, unknown>> & {
    readonly code: string;
    readonly status: number;
    readonly errors?: readonly Fault[];
  };
}

/** What `extensions` contain for every refusal. */
const NO_FACTS = ['code', 'status', 'correlationId', 'errors'];

interface Fault {
  readonly loc: unknown;
  readonly msg: string;
  readonly type: string;
}

/** Gives a verdict on one action through an API. */
export async function decide(
  gateway: Gateway,
  api: Api,
  verdict: Verdict,
  actionId: unknown,
  { reason, ...request }: RequestOptions & { readonly reason?: unknown } = {},
): Promise<Outcome> {
  if (api === 'rest') {
    const path = `/api/v1/actions/${encodeURIComponent(String(actionId))}/${verdict}`;
    const body = reason === undefined ? {} : { body: { reason } };
    return outcomeOf(await gateway.rest('POST', path, { ...request, ...body }));
  }
  const query = `mutation ($actionId: ID!, $reason: String) { ${verdict}Action(actionId: $actionId, reason: $reason) { status } }`;
  return outcomeOf(await gateway.graphql(query, { ...request, variables: { actionId, reason } }));
}

/** An answer of either API in the common shape. */
export function outcomeOf({ status: http, body }: Answer): Outcome {
  const [error] = (body as { errors?: GraphqlRefusal[] }).errors ?? [];
  if (error?.extensions === undefined) {
    const { error_code: code, detail, status, context, errors } = body as RestRefusal;
    return {
      http,
      status: code === undefined ? 200 : (status ?? 0),
      code: code ?? null,
      detail: code === undefined ? null : (detail ?? null),
      facts: context ?? {},
      faults: withoutPlaces(errors),
    };
  }
  const { code, status, errors } = error.extensions;
  const isFact = ([name]: readonly [string, unknown]): boolean => !NO_FACTS.includes(name);
  const facts = inRestWords(Object.fromEntries(Object.entries(error.extensions).filter(isFact)));
  return {
    http,
    status,
    code,
    detail: error.message,
    facts,
    faults: withoutPlaces(errors),
  };
}

/** GraphQL's facts, objects and lists as REST writes them: snake case, ids as numbers, enums in lower case, whole seconds. */
export function inRestWords(facts: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(facts).map(([key, value]: [string, unknown]) => {
      const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      return [name, inRestWord(name, value)];
    }),
  );
}

function inRestWord(name: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => inRestWord(name, item));
  if (typeof value !== 'string') return value;
  if (/^(id|.*_id|.*_by)$/.test(name) && /^\d+$/.test(value)) return Number(value);
  if (/^(status|.*_status|risk_level|.*_roles?)$/.test(name)) return value.toLowerCase();
  return value.replace(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{3}Z$/, '$1Z');
}

function withoutPlaces(faults: readonly Fault[] = []): Outcome['faults'] {
  return faults.map(({ msg, type }) => ({ msg, type }));
}
