import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kind, parse, print, visit } from 'graphql';
import { CallerChecks } from '../../src/api/caller-checks';
import { HTTP_STATUS } from '../../src/api/status';
import { AuthorizeDirective } from '../../src/graphql/authorize.directive';
import { makeSchema } from '../../src/graphql/schema';
import { describeRest } from '../../src/rest/openapi/document';

/**
 * What clients and databases rely on, without the texts that people read. Rewording changes none of these hashes. A
 * change that is meant replaces the hash here, and goes into CHANGELOG.md.
 */
const SCHEMA = '87d121da46af5681';
const OPENAPI = 'b0b6544a8d24191c';
const STATUSES = '6c55ba3a512b33b0';
const MIGRATIONS: Readonly<Record<string, string>> = {
  '1763800000000-initial.ts': '7bd0b5db9c466ae4',
  '1763900000000-policies-and-expiry.ts': '9a4bbadb5fb9d099',
  '1764000000000-sealed-audit-log.ts': '2ceabe975babb9ea',
  '1764150000000-api-keys.ts': 'ea807894cf1aa165',
  '1764170000000-erasable-origins.ts': '60bf765e3842432e',
  '1764180000000-submission.ts': '68ad7344c96b7d6c',
  '1764220000000-queue-without-foreign-key.ts': 'e31c2feefee87035',
  '1764230000000-idempotency-keys.ts': '58d948b49cb59e2c',
  '1764300000000-evidence-without-foreign-keys.ts': 'f1cf7d2e0f865e58',
  '1764400000000-leaves-without-foreign-key.ts': '6f8f2f6cd8317585',
  '1764500000000-action-texts.ts': '1de0dceb5b9d9797',
  '1764600000000-who-counts-as-submitter.ts': 'ee1d4a7f1a39548e',
  '1764610000000-confirming-votes.ts': '601c5a805a04620b',
  '1764620000000-refusals-and-submissions-are-bounded.ts': '6b836277639f7825',
  '1764800000000-rollback.ts': '9a4409b335f7658e',
  '1764900000000-rollback-report.ts': '413d712cb148c78d',
  '1765000000000-organizations-apart.ts': 'c9c1063faffa66e9',
};

const ROOT = join(__dirname, '..', '..');
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

it('the GraphQL schema has the types, fields, arguments and directives that clients know', () => {
  const document = parse(readFileSync(join(ROOT, 'schema.graphql'), 'utf8'));
  const bare = visit(document, {
    enter: (node) => ('description' in node ? { ...node, description: undefined } : undefined),
    [Kind.DIRECTIVE]: (node) => (node.name.value === 'deprecated' ? null : undefined),
  });
  expect(sha256(print(bare))).toBe(SCHEMA);
});

it('the REST paths have the parameters, bodies and answers that clients know', () => {
  const authorize = new AuthorizeDirective(new CallerChecks(() => Promise.resolve()));
  const document = describeRest(makeSchema([], authorize), (field) => authorize.requirementOf(field));
  expect(sha256(JSON.stringify(withoutTexts(document)))).toBe(OPENAPI);
});

it('each error code has the HTTP status that clients know', () => {
  expect(sha256(JSON.stringify(Object.entries(HTTP_STATUS).sort()))).toBe(STATUSES);
});

it('no migration is changed once databases have run it', () => {
  const folder = join(ROOT, 'migrations');
  const found = readdirSync(folder).map((name) => [name, sha256(readFileSync(join(folder, name), 'utf8'))]);
  expect(Object.fromEntries(found)).toEqual(MIGRATIONS);
});

const TEXTS = ['description', 'summary', 'example', 'examples', 'title', 'version'];

/** Returns a document of OpenAPI with sorted names, without what is written for readers. */
function withoutTexts(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutTexts);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value)
    // A property of a schema may have one of these names; its value is an object then.
    .filter(
      ([name, member]) =>
        !(TEXTS.includes(name) && (typeof member !== 'object' || name.startsWith('example'))),
    )
    .sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, withoutTexts(member)]));
}
