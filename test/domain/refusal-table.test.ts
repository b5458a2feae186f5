import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSchema, isObjectType, Kind, parse, visit, type FieldNode } from 'graphql';
import { inSnakeCase } from '../../src/api/facts';
import * as decisionRefusals from '../../src/domain/decision-refusals';
import { ERROR_CODES, FACTS, FACTS_OF, type Refusal } from '../../src/domain/refusal';

/** What facts a refusal carries is written once, in domain/refusal.ts, and everything that shows facts agrees with it. */
const ROOT = join(__dirname, '..', '..');
const DECIDED = { status: 'approved', decidedById: null, decidedAt: null } as const;
const REFUSALS: readonly Refusal[] = [
  decisionRefusals.refusalOfApiKey(),
  decisionRefusals.refusalOfRole('user', ['admin']),
  decisionRefusals.refusalOfLevel(1, 'high', { requiredLevel: 3, heldLevel: 1 }),
  decisionRefusals.refusalOfLimit(1, 40, 30),
  decisionRefusals.refusalOfOwnAction(1, 42),
  decisionRefusals.refusalOfBulk(1, 'critical'),
  decisionRefusals.refusalOfState(DECIDED),
  decisionRefusals.refusalOfMissingReason(1, 'reject', 'high'),
  decisionRefusals.refusalOfSecondVote({ id: 1, approvals: 1 }, 2),
  decisionRefusals.refusalOfSkipped(1),
];

it.each(REFUSALS.map((refusal) => [refusal.code, refusal] as const))(
  'a reviewer who is refused with %s gets the facts that the table names for the code, in that order',
  (code, { facts = {} }) => {
    expect(Object.keys(facts)).toEqual(FACTS_OF[code] ?? []);
  },
);

it('a developer finds no fact in the table without a code, and no code that does not exist', () => {
  expect([...new Set(Object.values(FACTS_OF).flat())].sort()).toEqual(Object.keys(FACTS).sort());
  expect(Object.keys(FACTS_OF).filter((code) => !(ERROR_CODES as readonly string[]).includes(code))).toEqual(
    [],
  );
});

it('a frontend developer finds the facts of each code in docs/rest-api.md', () => {
  const rows = readFileSync(join(ROOT, 'docs', 'rest-api.md'), 'utf8')
    .split('| refused with | facts |')[1]
    ?.split('\n\n')[0]
    ?.split('\n')
    .map((row) => [...row.matchAll(/`(\w+)`/g)].map(([, name = '']) => name))
    .filter((names) => names.length > 0);
  expect(rows).toEqual(
    Object.entries(FACTS_OF).map(([code, names]) => [
      code,
      ...(code === 'POLICY_VERSION_CONFLICT' ? names : names.map(inSnakeCase)),
    ]),
  );
});

describe('a fact that a decision can be refused with', () => {
  const ofPolicy = FACTS_OF.POLICY_VERSION_CONFLICT ?? [];
  const expected = Object.keys(FACTS).filter((name) => !ofPolicy.includes(name as keyof typeof FACTS));
  const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

  it('is a field of Refusal in schema.graphql', () => {
    const refusal = buildSchema(read('schema.graphql'), { assumeValidSDL: true }).getType('Refusal');
    const fields = isObjectType(refusal) ? Object.keys(refusal.getFields()) : [];
    expect(fields).toEqual(['code', 'status', 'detail', ...expected]);
  });

  it.each(['src/rest/operations.graphql', 'client/src/operations.graphql'])(
    'reaches the callers whose operations are in %s, and with them the type of its facts',
    (path) => {
      const names = new Set<string>();
      visit(parse(read(path)), {
        Field: ({ name, selectionSet }: FieldNode) => {
          if (name.value !== 'refusal') return;
          for (const one of selectionSet?.selections ?? [])
            if (one.kind === Kind.FIELD) names.add(one.name.value);
        },
        FragmentDefinition: ({ name, selectionSet }) => {
          if (name.value !== 'Facts') return;
          for (const one of selectionSet.selections) if (one.kind === Kind.FIELD) names.add(one.name.value);
        },
      });
      expect([...names].sort()).toEqual(['code', 'detail', 'status', ...expected].sort());
    },
  );
});
