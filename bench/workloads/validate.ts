import { parse, specifiedRules, validate, type GraphQLSchema } from 'graphql';
import { makeSchemaForPrinting } from '../../src/app';
import { MAX_VALIDATION_ERRORS, PARSE_LIMITS, withinLimits } from '../../src/graphql/limits';
import { side, type Measured } from '../measured';
import type { Options } from '../options';
import { median, percentile } from '../statistics';

/** How many tokens a document may have. */
const TOKENS = PARSE_LIMITS.maxLexicalTokens ?? 0;

const times = (count: number, make: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => make(n)).join(' ');
const SCALARS =
  'id agentId agentName actionType description toolName targetSystem targetResource status riskScore riskLevel updatedAt reason correlationId';
/** A document that is filled up to the limit with operations of this text. */
const filled = (text: (n: number) => string, tokens: number, rest = '', tokensOfRest = 0): string =>
  `${times(Math.floor((TOKENS - tokensOfRest) / tokens), text)} ${rest}`;

/** Documents that take what the limits leave: each is the worst for one of the rules that are not linear. */
const DOCUMENTS: Readonly<Record<string, string>> = {
  'fragments that all meet': `{ action(id: 1) { ${times(50, (n) => `...F${String(n)}`)} } }
    ${times(50, (n) => `fragment F${String(n)} on Action { ${SCALARS.split(' ').slice(0, 10).join(' ')} }`)}`,
  'fields that repeat, with all in them': filled(
    (n) => `query Q${String(n)} { ${'action(id: 1) { votes { user { id } } }'.repeat(8)} }`,
    4 + 8 * 14,
  ),
  'arguments that repeat': `{ ${times(
    10,
    () =>
      `actions(filter: { status: [${'EXPIRED '.repeat(40)}], agentId: [${'"x" '.repeat(30)}] }) { totalCount }`,
  )} }`,
  'a long list of enums': `{ actions(filter: { status: [${'EXPIRED '.repeat(TOKENS - 20)}] }) { totalCount } }`,
  'many operations': filled((n) => `query Q${String(n)} { viewer { id } }`, 8),
  'many operations with one fragment': filled(
    (n) => `query Q${String(n)} { ...F }`,
    6,
    'fragment F on Query { viewer { id } }',
    9,
  ),
  'many operations with a chain of fragments': filled(
    (n) => `query Q${String(n)} { ...F0 }`,
    6,
    times(
      50,
      (n) => `fragment F${String(n)} on Query { ${n < 49 ? `...F${String(n + 1)}` : 'viewer { id }'} }`,
    ),
    50 * 8 + 5,
  ),
  'many variables': `query (${times(135, (n) => `$v${String(n)}: String!`)}) {
    actions(filter: { agentId: [${times(135, (n) => `$v${String(n)}`)}] }) { totalCount } }`,
  'inline fragments inside each other': `{ ${'... { '.repeat(330)} __typename ${'} '.repeat(330)} }`,
};

/**
 * How much processor time it takes to parse and validate the worst of the documents that stay within the limits, in this process and
 * without a database. What is refused takes no longer: it is no longer than these, and its errors end the work sooner.
 */
export function measureValidation({ isQuick }: Options): readonly Measured[] {
  const schema = makeSchemaForPrinting();
  const rounds = isQuick ? 5 : 200;
  return Object.entries(DOCUMENTS).map(([name, document]): Measured => {
    const taken = Array.from({ length: rounds * 2 }, () => {
      // Of the processor, since other work on the machine says nothing about a document.
      const began = process.cpuUsage();
      validateOrThrow(schema, document, name);
      const { user, system } = process.cpuUsage(began);
      return (user + system) / 1_000;
    }).slice(rounds);
    const value = median(taken);
    return {
      title: `validation: ${name}`,
      ours: side({ perSecond: 1_000 / value, p50: value, p99: percentile(taken, 0.99) }),
      floor: side({}),
      floorName: '1,000 tokens',
      value,
      unit: 'ms',
      reach: { atMost: 20 },
    };
  });
}

/** Parses and validates as the gateway does. @throws {Error} for a document that it would refuse */
function validateOrThrow(schema: GraphQLSchema, text: string, name: string): void {
  const document = parse(text, PARSE_LIMITS);
  const options = { maxErrors: MAX_VALIDATION_ERRORS };
  const [error] = [specifiedRules, [withinLimits]].flatMap((rules) =>
    validate(schema, document, rules, options),
  );
  if (error !== undefined) throw new Error(`${name}: ${error.message}`);
}
