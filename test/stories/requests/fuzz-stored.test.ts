import fc from 'fast-check';
import { Draw } from '../../support/draw';
import { startGateway, type Gateway } from '../../support/gateway';
import { codeOf, graphqlCodeOf } from '../../support/refusals';
import { keptLogger } from '../../support/run-log';
import { cases } from '../../support/runs';
import { storedAction } from '../../support/submissions';

/** Whatever numbers, names and texts are submitted: what is stored is what was sent, or nothing is. */
const CASES = cases(150, 5_000);
const PATIENCE = cases(600_000, 3_600_000);
const ANALYST = 4;
const ADMIN = 1;

let gateway: Gateway;
/** What was logged as an error: only the unexpected. */
const surprises: string[] = [];

beforeAll(async () => {
  const log = keptLogger('error', (entry) => surprises.push(entry));
  gateway = await startGateway({ log });
});
afterAll(() => gateway.close());
afterEach(() => {
  expect(surprises).toEqual([]);
});

/**
 * Submits fields that are written as JSON, with the names of REST, through one of the APIs; returns the id, or the
 * code.
 */
async function submit(draw: Draw, fields: Readonly<Record<string, string>>): Promise<number | string> {
  const json = (rename: (name: string) => string): string =>
    Object.entries({ agent_id: '"a"', action_type: '"t"', ...fields })
      .map(([name, value]) => `"${rename(name)}":${value}`)
      .join(',');
  const headers = { 'content-type': 'application/json' };
  if (draw.oneIn(2)) {
    const rawBody = `{${json((name) => name)}}`;
    const answer = await gateway.rest('POST', '/api/v1/actions/submit', { user: ANALYST, headers, rawBody });
    return answer.status === 200 ? (answer.body.action_id as number) : codeOf(answer);
  }
  const input = json((name) => name.replace(/_[a-z]/g, (part) => part.slice(1).toUpperCase()));
  const query = 'mutation ($i: SubmitActionInput!) { submitAction(input: $i) { actionId } }';
  const rawBody = `{"query":"${query}","variables":{"i":{${input}}}}`;
  const answer = await gateway.rest('POST', '/graphql', { user: ANALYST, headers, rawBody });
  expect([200, 400, 422]).toContain(answer.status);
  return Number(answer.body.data?.submitAction?.actionId ?? NaN) || String(graphqlCodeOf(answer));
}

const property = (check: (draw: Draw) => Promise<void>, times = CASES): Promise<void> =>
  fc.assert(
    fc.asyncProperty(fc.gen(), (generate) => check(new Draw(generate))),
    { numRuns: times, endOnFailure: true },
  );

/** A number as JSON writes it: huge, tiny, with many digits, with zeros around it. */
function numberFrom(draw: Draw): string {
  const digits = (most: number): string =>
    `${String(1 + draw.upTo(8))}${draw.list(most, () => String(draw.upTo(9))).join('')}`;
  const whole = (): string => (draw.oneIn(3) ? '0' : digits(draw.pick([2, 8, 19, 400])));
  const fraction = (): string =>
    draw.oneIn(2) ? '' : `.${'0'.repeat(draw.upTo(3))}${digits(draw.pick([2, 20]))}`;
  const exponent = (): string =>
    draw.oneIn(2)
      ? ''
      : `${draw.pick(['e', 'E', 'e-', 'E+'])}${String(draw.pick([0, 1, 5, 17, 300, 400, 99_999]))}`;
  return `${draw.oneIn(3) ? '-' : ''}${whole()}${fraction()}${exponent()}`;
}

/** A number's value, in a form that equal numbers share however they are written, and however large they are. */
function valueOf(number: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(number) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  const power = Number(exponent) - fraction.length + digits.length - significant.length;
  return significant === '' ? '0' : `${sign}${significant}e${String(power)}`;
}

it(
  'an agent that submits any number finds it stored as that number, or is refused with 422',
  async () => {
    const outcomes = new Set<string>();
    await property(async (draw) => {
      const number = numberFrom(draw);
      const field = draw.pick(['parameters', 'context', 'risk_indicators']);
      const outcome = await submit(draw, {
        [field]: draw.pick([`{"x":${number}}`, `{"y":[{"x":${number}}]}`]),
      });
      outcomes.add(typeof outcome === 'number' ? 'stored' : outcome);
      if (typeof outcome !== 'number') {
        expect([number, outcome.replace(/^422 /, '')]).toEqual([number, 'VALIDATION_ERROR']);
        // Fifteen digits are no reason to refuse a number.
        expect([number, /^-?\d+(\.\d+)?$/.test(number) && number.length <= 15]).toEqual([number, false]);
        return;
      }
      const name = field.replace(/_[a-z]/g, (part) => part.slice(1).toUpperCase());
      const { text } = await gateway.graphql(`{ action(id: ${String(outcome)}) { ${name} } }`, {
        user: ANALYST,
      });
      const shown = /"x":([^}]*)\}/.exec(text)?.[1] ?? text;
      expect([number, valueOf(shown)]).toEqual([number, valueOf(number)]);
      const [row] = await gateway.database.sql<{ stored: string }>(
        `SELECT ${field}::text AS stored FROM actions WHERE id = $1`,
        [outcome],
      );
      expect([number, valueOf(/"x": ([^}]*)\}/.exec(row?.stored ?? '')?.[1] ?? '')]).toEqual([
        number,
        valueOf(number),
      ]);
    });
    expect([...outcomes].sort()).toEqual(['422 VALIDATION_ERROR', 'VALIDATION_ERROR', 'stored']);
  },
  PATIENCE,
);

/** A name as JSON, each character escaped or not. */
const escaped = (draw: Draw, name: string): string =>
  `"${Array.from({ length: name.length }, (_, at) =>
    draw.oneIn(2)
      ? `\\u${name.charCodeAt(at).toString(16).padStart(4, '0')}`
      : JSON.stringify(name.charAt(at)).slice(1, -1),
  ).join('')}"`;

it(
  'an agent that repeats a name in one object, however it is escaped and however deep, is refused, and nothing is stored',
  async () => {
    const count = () => gateway.database.sql('SELECT count(*) FROM actions');
    const before = await count();
    await property(async (draw) => {
      const name = draw.oneIn(2) ? draw.text() : draw.oddText().slice(0, 500);
      const [one, other] = [escaped(draw, name), escaped(draw, name)];
      let twice = `{${one}:1,${draw.pick(['', '"between":{},', '"b\\"tween":[1],'])}${other}:${draw.pick(['1', '2', 'null', '{}'])}}`;
      for (let depth = draw.upTo(6); depth > 0; depth -= 1)
        twice = draw.pick([`[${twice}]`, `{"a":${twice}}`]);
      const field = draw.pick(['parameters', 'context', 'risk_indicators', 'unknown_field']);
      const outcome = await submit(draw, { [field]: `{"in":${twice}}` });
      expect([twice, String(outcome).replace(/^400 /, '')]).toEqual([twice, 'INVALID_JSON']);
    });
    expect(await count()).toEqual(before);
  },
  PATIENCE,
);

const TEXTS = {
  agent_id: 200,
  agent_name: 200,
  action_type: 200,
  description: 10_000,
  tool_name: 200,
  target_system: 200,
  target_resource: 2_000,
};

it(
  'an agent whose texts are invisible, or look like others, finds each stored as it was sent, or as absent where nothing of it is visible',
  async () => {
    await property(async (draw) => {
      const isSeen = Object.fromEntries(
        Object.keys(TEXTS).map((name) => [name, name.startsWith('a') || !draw.oneIn(3)]),
      );
      const sent = Object.fromEntries(
        Object.entries(isSeen).map(([name, seen]) => [
          name,
          seen ? draw.lookalikeText() : draw.invisibleText(),
        ]),
      );
      const parameters = { [draw.lookalikeText()]: [draw.invisibleText(), draw.lookalikeText()] };
      const json = Object.entries({ ...sent, parameters }).map(([name, value]) => [
        name,
        JSON.stringify(value),
      ]);
      const id = await submit(draw, Object.fromEntries(json) as Record<string, string>);
      const stored = await storedAction(gateway, Number(id));
      const expected = Object.fromEntries(
        Object.entries(sent).map(([name, text]) => [name, isSeen[name] === true ? text : null]),
      );
      expect(stored).toMatchObject({ ...expected, parameters });
      const reason = draw.oneIn(3) ? draw.invisibleText() : draw.lookalikeText();
      const decided = await gateway.rest('POST', `/api/v1/actions/${String(id)}/reject`, {
        user: ADMIN,
        body: { reason },
      });
      expect(decided.status).toBe(200);
      const kept = (await storedAction(gateway, Number(id)))['reason'] as string | null;
      expect([null, reason]).toContain(kept);
      expect(decided.body.reason ?? null).toBe(kept);
    }, CASES / 3);
  },
  PATIENCE,
);
