import { buildSchema } from 'graphql';
import { ENTRY_TYPES } from '../../src/audit/entry-types';
import { DEFAULT_RULES, levelOfRole } from '../../src/domain/policy';
import { POLICY_WARNING_CODES } from '../../src/domain/policy-warnings';
import { API_KEY_SCOPES, ROLES } from '../../src/domain/role';
import { RISK_LEVELS, riskScoresOf } from '../../src/domain/risk';
import { MAX_LENGTHS, MAX_SIZES } from '../../src/domain/submission';
import { CREDENTIAL_FAULTS } from '../../src/http/credential-fault';
import { inSnakeCase } from '../../src/api/facts';
import { OTHER_PATHS } from '../../src/rest/openapi/other-paths';
import { ROUTES } from '../../src/rest/routes';
import { HTTP_STATUS } from '../../src/api/status';
import { firstColumnOf, read, section } from '../support/documents';

/** The tables of docs/, compared with the code: neither has anything that the other lacks. */

function sorted(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort();
}

/** The names that a pattern finds in source files. */
function namesIn(pattern: RegExp, ...paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => [...read(path).matchAll(pattern)].map(([, name = '']) => name));
}

it('a client finds every REST path in docs/rest-api.md or docs/legacy-sdk.md', () => {
  const inDocs = [section('docs/rest-api.md', 'Paths'), section('docs/legacy-sdk.md', 'Paths')].flatMap(
    firstColumnOf,
  );
  const served = [...ROUTES, ...OTHER_PATHS].map(
    ({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`,
  );
  // A page for people, which the description for programs leaves out.
  expect(sorted(inDocs)).toEqual(sorted([...served, 'GET /docs']));
});

it('a client finds every error code with its status in docs/rest-api.md', () => {
  const rows = section('docs/rest-api.md', 'Errors').matchAll(/^\| `(\w+)` \| (\d+) \|/gm);
  const inDocs = [...rows].map(([, code = '', status]) => [code, Number(status)] as const);
  expect(Object.fromEntries(inDocs)).toEqual(HTTP_STATUS);
});

it.each([
  ['Queries', 'Query'],
  ['Mutations', 'Mutation'],
])('a client finds in the section %s of docs/graphql-api.md every field of %s', (heading, type) => {
  const fields = buildSchema(read('schema.graphql')).getType(type);
  const inSchema = fields !== undefined && 'getFields' in fields ? Object.keys(fields.getFields()) : [];
  const inDocs = firstColumnOf(section('docs/graphql-api.md', heading));
  expect(inSchema.length).toBeGreaterThan(8);
  expect(sorted(inDocs.map((field) => field.replace(/\(.*/, '')))).toEqual(sorted(inSchema));
});

it('an admin finds every setting and every warning of the approval policy in docs/approval-policy.md', () => {
  const tableOf = (heading: string) => sorted(firstColumnOf(section('docs/approval-policy.md', heading)));
  expect(tableOf('Settings')).toEqual(sorted(Object.keys(DEFAULT_RULES)));
  expect(tableOf('Warnings')).toEqual(sorted(POLICY_WARNING_CODES));
});

it('a reviewer finds the initial level of each role and risk level in docs/approval-policy.md', () => {
  const rowsOf = (heading: string) =>
    section('docs/approval-policy.md', heading)
      .split('\n')
      .map((line) => line.split('|').map((cell) => cell.trim()));
  const roles = rowsOf('Roles').filter((cells) => /^`\w+`$/.test(cells[1] ?? ''));
  expect(roles.map(([, role, , level]) => [role, Number(level)]).sort()).toEqual(
    ROLES.map((role) => [`\`${role}\``, levelOfRole(role, DEFAULT_RULES)]).sort(),
  );
  const levels = rowsOf('Risk levels').filter((cells) => /^(low|medium|high|critical)$/.test(cells[1] ?? ''));
  expect(
    levels.map(([, level, score = '', required]) => [level, parseInt(score, 10), Number(required)]),
  ).toEqual(
    RISK_LEVELS.map((level) => [level, riskScoresOf(level).from, DEFAULT_RULES.requiredLevels[level]]),
  );
});

it('an agent finds how large each field of a submission may be in docs/rest-api.md', () => {
  const text = section('docs/rest-api.md', 'Submit an action');
  const inDocs = [...text.matchAll(/^\| (`.*`) \| .*at most ([\d,]+) (characters|kB) \|$/gm)].flatMap(
    ([, fields = '', most = '', unit]) =>
      [...fields.matchAll(/`(\w+)`/g)].map(
        ([, field = '']) => [field, Number(most.replace(',', '')) * (unit === 'kB' ? 1024 : 1)] as const,
      ),
  );
  const inCode = Object.entries({ ...MAX_LENGTHS, ...MAX_SIZES }).map(([field, most]) => [
    inSnakeCase(field),
    most,
  ]);
  expect(Object.fromEntries(inDocs)).toEqual(Object.fromEntries(inCode));
});

it('an auditor finds every entry type in docs/audit-log.md', () => {
  const inDocs = firstColumnOf(section('docs/audit-log.md', 'Entry types'));
  expect(sorted(inDocs.filter((name) => name !== 'action_type'))).toEqual(sorted(Object.keys(ENTRY_TYPES)));
});

it('an operator finds every scope of an API key in docs/authentication.md', () => {
  const inDocs = firstColumnOf(section('docs/authentication.md', 'API keys'));
  expect(sorted(inDocs)).toEqual(sorted(API_KEY_SCOPES));
});

it('an operator finds every environment variable in docs/configuration.md', () => {
  const inCode = [
    ...namesIn(/^ {2}([A-Z][A-Z_]+): [^']/gm, 'src/config.ts'),
    ...namesIn(/^ {2}(TOKEN_\w+): '/gm, 'src/token-issuers.ts'),
    'TOKEN_ISSUERS',
  ];
  expect(inCode.length).toBeGreaterThan(30);
  expect(sorted(firstColumnOf(section('docs/configuration.md', 'Variables')))).toEqual(sorted(inCode));
});

it('an operator finds every metric and every reason of a refused credential in docs/operations.md', () => {
  const inCode = namesIn(/'(countersign_\w+)'/g, 'src/observability/metrics.ts');
  const metrics = firstColumnOf(section('docs/operations.md', 'Metrics'));
  expect(inCode.length).toBeGreaterThan(12);
  expect(sorted(metrics.map((name) => name.replace(/\{.*/, '')))).toEqual(sorted(inCode));
  const reasons = firstColumnOf(section('docs/operations.md', 'Refused credentials'));
  expect(sorted(reasons)).toEqual(sorted(CREDENTIAL_FAULTS));
});
