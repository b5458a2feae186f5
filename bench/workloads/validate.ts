import { parse, specifiedRules, validate, type GraphQLSchema } from 'graphql';
import { makeSchemaForPrinting } from '../../src/app';
import { MAX_VALIDATION_ERRORS, PARSE_LIMITS, withinLimits } from '../../src/graphql/limits';
import { side, type Measured } from '../measured';
import type { Options } from '../options';
import { median, percentile } from '../statistics';

/** The maximum number of tokens in a document. */
const TOKENS = PARSE_LIMITS.maxLexicalTokens ?? 0;

const times = (count: number, make: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => make(n)).join(' ');
const SCALARS =
  'id agentId agentName actionType description toolName targetSystem targetResource status riskScore riskLevel updatedAt reason correlationId';
/** Returns a document that is filled up to the limit with operations of this text. */
const filled = (text: (n: number) => string, tokens: number, rest = '', tokensOfRest = 0): string =>
  `${times(Math.floor((TOKENS - tokensOfRest) / tokens), text)} ${rest}`;

/** Documents that use up the limits. Each is the worst case of one validation rule that is not linear. */
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
 * Measures the processor time to parse and validate the worst documents within the limits, in this process and without
 * a database. Refused documents take no longer: they are not larger than these, and their errors end the work sooner.
 */
export function measureValidation({ isQuick }: Options): readonly Measured[] {
  const schema = makeSchemaForPrinting();
  const rounds = isQuick ? 5 : 200;
  return Object.entries(DOCUMENTS).map(([name, document]): Measured => {
    const taken = Array.from({ length: rounds * 2 }, () => {
      // Processor time, since other load on the machine says nothing about a document.
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

/** Parses and validates as the gateway does. @throws {Error} if the gateway would refuse the document */
function validateOrThrow(schema: GraphQLSchema, text: string, name: string): void {
  const document = parse(text, PARSE_LIMITS);
  const options = { maxErrors: MAX_VALIDATION_ERRORS };
  const [error] = [specifiedRules, [withinLimits]].flatMap((rules) =>
    validate(schema, document, rules, options),
  );
  if (error !== undefined) throw new Error(`${name}: ${error.message}`);
}
