import { getIntrospectionQuery } from 'graphql';
import { PROTOTYPE_NAMES, type Draw } from './draw';
import { toJson, toLiteral, type Values } from './graphql-values';

/** The document of a hostile request, and its variables as JSON. */
export interface Attack {
  readonly query: string;
  readonly variables?: string;
}

const times = (count: number, make: (index: number) => string): string =>
  Array.from({ length: count }, (_none, index) => make(index)).join(' ');

/**
 * Requests of an attacker who wants the gateway to crash, hang or leak. `valid` makes an operation that fits the
 * schema.
 */
export function attack(draw: Draw, values: Values, valid: () => Attack): Attack {
  const many = draw.pick([2, 11, 16, 51, 200, 900, 5_000]);
  const most = draw.pick([1, many]);
  const repeated = draw.pick(['viewer { id }', '__typename', 'actions { totalCount }']);
  const directive = draw.pick(['@skip(if: false)', '@include(if: true)', '@a']);
  const only = (query: string) => (): Attack => ({ query });
  const open = draw.pick([
    ['action(id: 12345) { auditLogs { edges { node { ', ' } } } }'],
    ['actions(first: 100) { edges { node { submittedBy { ', ' } } } }'],
    ['__schema { types { fields { type { ', ' } } } }'],
    ['approvalPolicy { history { edges { node { changedBy { ', ' } } } } }'],
  ] as const);
  return draw.oneOf<Attack>(
    () => deep(open, many),
    only(`{ ${times(many, (n) => `a${String(n)}: ${repeated}`)} }`),
    only(`{ ${times(many, () => repeated)} }`),
    () => cycle(draw),
    () => doubling(draw.pick([3, 10, 30, 60])),
    only(
      `{ actions(filter: { status: ${'['.repeat(many)}PENDING_APPROVAL${']'.repeat(many)} }) { totalCount } }`,
    ),
    only(`{ viewer ${times(many, () => directive)} { id } }`),
    only(times(many, (n) => `query O${String(n % most)} { viewer { id } }`)),
    () => deepVariable(draw, draw.pick([30, 1_000, 20_000])),
    () => ({
      query: `query (${times(many, (n) => `$v${String(n)}: [ID!]! = [1, 2]`)}) { viewer { id } }`,
      variables: toJson(Object.fromEntries(PROTOTYPE_NAMES.map((name) => [name, values.odd()]))),
    }),
    () => named(draw, values),
    only(draw.pick([getIntrospectionQuery(), '{ __type(name: "__proto__") { name fields { name } } }'])),
    only(
      `{ action(id: ${toLiteral(values.odd())}) { id } auditLogs(first: ${toLiteral(values.odd())}) { totalCount } }`,
    ),
    only(draw.pick(ODD_DOCUMENTS)),
    () => ({ query: draw.oddText() }),
    () => ({ query: times(draw.upTo(20), () => draw.pick(TOKENS)) }),
    () => mangled(draw, valid()),
    () => mangled(draw, valid()),
    () => mangled(draw, valid()),
  );
}

function deep([start, end]: readonly [string, string], levels: number): Attack {
  return { query: `{ ${start.repeat(levels)}__typename${end.repeat(levels)} }` };
}

function cycle(draw: Draw): Attack {
  const size = 1 + draw.upTo(4);
  const name = (n: number) => `F${String(n % size)}`;
  const fragments = times(
    size,
    (n) => `fragment ${name(n)} on User { id ${draw.pick(['', '... on User'])} { ...${name(n + 1)} } }`,
  );
  return {
    query: `{ viewer { ...F0 } } ${draw.oneIn(2) ? fragments : fragments.replaceAll(/\{ (\.\.\.F\d) \}/g, '$1')}`,
  };
}

/** Fragments each of which spreads the next one twice: short to write, long to traverse. */
function doubling(levels: number): Attack {
  const fragments = times(
    levels,
    (n) => `fragment F${String(n)} on User { ...F${String(n + 1)} ...F${String(n + 1)} }`,
  );
  return { query: `{ viewer { ...F0 } } ${fragments} fragment F${String(levels)} on User { id }` };
}

function deepVariable(draw: Draw, levels: number): Attack {
  const [open, close] = draw.pick([
    ['[', ']'],
    ['{"a":', '}'],
  ] as const);
  const value = `${open.repeat(levels)}1${close.repeat(levels)}`;
  return draw.oneIn(2)
    ? {
        query: 'mutation ($input: SubmitActionInput!) { submitAction(input: $input) { actionId } }',
        variables: `{"input":{"agentId":"a","actionType":"b","parameters":{"p":${value}},"riskIndicators":${value}}}`,
      }
    : {
        query: 'query ($ids: [ID!]) { actions(filter: { decidedBy: $ids }) { totalCount } }',
        variables: `{"ids":${value}}`,
      };
}

/** Names that every object has, wherever a document has a name. */
function named(draw: Draw, values: Values): Attack {
  const name = () => draw.pick(PROTOTYPE_NAMES);
  const variable = name();
  return {
    query: `query ${name()}($${variable}: ${draw.pick(['ID!', name()])}) {
      ${name()}: action(id: $${variable}) { ${name()}: id ...${name()} @${name()}(${name()}: $${name()}) }
      ${draw.oneIn(2) ? `${name()}(${name()}: {${name()}: ${name()}})` : ''} }
      fragment ${name()} on ${draw.pick(['Action', name()])} { ${name()}: status }`,
    variables: `{${toJson(variable)}:${toJson(values.odd())},"__proto__":{"id":"12345","polluted":true}}`,
  };
}

/** A valid document, truncated, doubled or disturbed somewhere. */
function mangled(draw: Draw, { query, ...rest }: Attack): Attack {
  let text = query;
  for (let n = 0; n <= draw.upTo(3); n += 1) {
    const at = draw.upTo(text.length);
    const end = at + draw.upTo(12);
    text = draw.oneOf(
      () => text.slice(0, at),
      () => text.slice(0, at) + text.slice(end),
      () => text.slice(0, end) + text.slice(at),
      () => text.slice(0, at) + draw.pick(TOKENS) + text.slice(at),
      () => text.slice(0, at) + draw.oddText() + text.slice(end),
    );
  }
  return { query: text, ...rest };
}

const TOKENS = [
  ...[
    '{',
    '}',
    '(',
    ')',
    '[',
    ']',
    '!',
    '$',
    '@',
    ':',
    '=',
    '|',
    '&',
    '...',
    ',',
    '#',
    '"',
    '"""',
    '\\',
    '\\u{110000}',
  ],
  ...[
    '\\ud800',
    '\\u00',
    'on',
    'null',
    'true',
    'fragment',
    'query',
    'mutation',
    'subscription',
    'type',
    'extend',
  ],
  ...[
    '0x1F',
    '1e',
    '.5',
    '00',
    '-',
    '1.',
    '9'.repeat(400),
    '\ufeff',
    '\r',
    '\0',
    '\u0007',
    '💥',
    'é',
    '//',
    '<',
  ],
];

const ODD_DOCUMENTS = [
  ...[
    '',
    ' ',
    '#',
    ',,,',
    '{',
    '}',
    '{}',
    '{ }',
    'null',
    '{ viewer }',
    '{ viewer { } }',
    '\ufeff{ viewer { id } }',
  ],
  ...[
    'subscription { viewer { id } }',
    'type Query { a: Int }',
    'extend type Query { a: Int }',
    'schema { query: A }',
  ],
  ...[
    'fragment A on User { id }',
    'query A { viewer { id } } query A { viewer { id } }',
    '{ __typename @skip(if: true) }',
  ],
  ...['{ viewer { id } } { viewer { id } }', 'query ($a: Boolean!) { viewer @skip(if: $a) { id } }'],
  ...[
    'directive @a on FIELD { viewer { id } }',
    '{ viewer { ... @include(if: false) { id } } }',
    '{ a: __typename }',
  ],
  ...[
    '{ action(id: """12345""") { id } }',
    '{ action(id: "\\u0031\\u{32}345") { id } }',
    '{ action(id: null) { id } }',
  ],
  ...[
    'mutation { __typename }',
    '{ __type(name: "Action") { fields { name } } }',
    'query () { viewer { id } }',
  ],
  ...['{ actions(first: 100) { edges { node { auditLogs(first: 100) { edges { node { id } } } } } } }'],
  ...['mutation { approveAction(actionId: 1) { status } rejectAction(actionId: 1) { status } }'],
];
