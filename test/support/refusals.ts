import type { Answer, Gateway } from './gateway';

/** One fault of a 422. */
export interface Fault {
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly type: string;
}

/** An error body over REST. */
export interface RestError {
  readonly detail: string;
  readonly error_code: string;
  readonly status: number;
  readonly correlation_id: string;
  readonly timestamp: string;
  readonly errors?: readonly Fault[];
}

/** What GraphQL answers. */
export interface GraphqlBody {
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly errors?: readonly {
    readonly message: string;
    readonly extensions: { readonly code: string; readonly status: number; readonly correlationId: string };
  }[];
}

export const restError = (answer: Answer) => answer.body as RestError;
export const graphqlBody = (answer: Answer) => answer.body as GraphqlBody;

/** `422 VALIDATION_ERROR`: the HTTP status and the code of a refusal over REST. */
export const codeOf = (answer: Answer) => `${String(answer.status)} ${restError(answer).error_code}`;

/** The code of the first error over GraphQL. */
export const graphqlCodeOf = (answer: Answer) => graphqlBody(answer).errors?.[0]?.extensions.code;

/** The faults that a 422 reports, in the documented shape. */
export function faultsOf(answer: Answer): readonly Fault[] {
  const { errors = [] } = restError(answer);
  for (const fault of errors) {
    expect(Object.keys(fault)).toEqual(['loc', 'msg', 'type']);
    expect(fault).toEqual({
      loc: expect.any(Array) as unknown,
      msg: expect.stringMatching(/./) as unknown,
      type: expect.stringMatching(/./) as unknown,
    });
  }
  return errors;
}

/** Sends each input and compares each answer with the same expectation, so that a failure names its inputs. */
export async function expectEach<Input, Outcome>(
  inputs: readonly Input[],
  ask: (input: Input) => Promise<Outcome>,
  expected: Outcome,
): Promise<void> {
  const answers: (readonly [Input, Outcome])[] = [];
  for (const input of inputs) answers.push([input, await ask(input)]);
  expect(answers).toEqual(inputs.map((input) => [input, expected]));
}

/** After every test of the file: it decided none of the demo's actions, and the process still answers. */
export function expectDemoActionsUntouched(gateway: () => Gateway): void {
  let before: unknown;
  const decided = () =>
    gateway().database.sql(
      `SELECT a.id, a.status, count(v.*) AS votes FROM actions a LEFT JOIN votes v ON v.action_id = a.id
       WHERE a.id <= 22346 AND (a.version > 1 OR v.action_id IS NOT NULL) GROUP BY a.id, a.status ORDER BY a.id`,
    );
  beforeEach(async () => (before = await decided()));
  afterEach(async () => {
    expect(await decided()).toEqual(before);
    expect((await gateway().rest('GET', '/api/v1/actions/12345', { user: 1 })).status).toBe(200);
  });
}

/** A text without its correlation ids, which differ between requests. */
export function withoutCorrelation(text: string): string {
  return text.replaceAll(/action_\d{8}_\d{6}_[0-9a-f]{16}/g, 'CORRELATION');
}
