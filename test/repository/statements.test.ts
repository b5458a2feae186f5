import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadModule, parseSync } from 'libpg-query';
import { declaredStatements, statement } from '../../src/persistence/sql/statement';

/**
 * Every statement is held to rules that keep the work of one organization on one node, if organizations are distributed
 * over several (docs/decisions/0087-statements-of-one-organization.md).
 */
const SOURCES = join(__dirname, '..', '..', 'src');

/** The tables whose rows belong to an organization. */
const TENANT_TABLES = [
  ...[
    'users',
    'approval_policies',
    'api_keys',
    'actions',
    'action_texts',
    'votes',
    'audit_log',
    'audit_leaf',
  ],
  ...['audit_node', 'audit_checkpoint', 'audit_generation', 'audit_archive', 'audit_pending'],
  ...['refusal_throttle', 'refusal_windows', 'idempotency_keys', 'user_identities'],
];

/** Statements that are about all organizations, or that find out which one a caller belongs to. */
const OF_ALL_ORGANIZATIONS: Readonly<Record<string, string>> = {
  reviewer_by_identity: 'finds the organization of a log-in',
  api_keys_by_prefix: 'finds the organization of a key',
  database_state: 'compares the database with what is known of it; each entry names its organization',
  queue_size_and_age: 'a metric',
  seal_backlog: 'a metric',
  overdue_actions: 'finds the organizations that have any',
  organizations_to_seal: 'finds them',
  organizations_sealed: 'finds them, once per leader',
  organizations_behind: 'finds them, once a second',
  join_archive: 'the operator’s record of an archive',
  next_generation: 'an operator accepts a rollback of the whole database',
  lock_checkpoints: 'the same',
  organization_of_user: 'finds the organization of a user whom an operator names',
  move_sequences: 'an id is given once, whatever the organization',
  find_outdated_idempotency_keys: 'finds rows, which are deleted by organization',
  find_outdated_refusal_windows: 'the same',
  find_outdated_refusal_throttle: 'the same',
};
/** They skip from one organization to the next, so that a long queue costs no more than a short one. */
const RECURSIVE = ['organizations_to_seal', 'organizations_sealed'];

type Node = Readonly<Record<string, any>>;

beforeAll(async () => {
  await loadModule();
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' });
  for (const file of files)
    if (/^(persistence|audit|use-cases)\/.*\.ts$/.test(file)) await import(join(SOURCES, file));
});

/** Calls `visit` with every node of a parse tree: its kind, its content, and its parent's content. */
function walk(value: unknown, visit: (kind: string, node: Node) => void): void {
  if (Array.isArray(value)) for (const item of value) walk(item, visit);
  else if (typeof value === 'object' && value !== null)
    for (const [kind, node] of Object.entries(value)) {
      if (typeof node === 'object' && node !== null) visit(kind, node as Node);
      walk(node, visit);
    }
}

const nameOf = (node: Node | undefined): string =>
  (node?.['ColumnRef']?.fields ?? []).map((field: Node) => field['String']?.sval ?? '*').join('.');
const isParameter = (node: Node | undefined): boolean =>
  node?.['ParamRef'] !== undefined || node?.['TypeCast']?.arg?.ParamRef !== undefined;

/** What a statement does, as far as the rules are concerned. */
function readingOf(text: string) {
  const read: string[] = [];
  const bound = new Set<string>();
  const inserted: { readonly table: string; readonly isBound: boolean }[] = [];
  const columns = new Set<string>();
  let isRecursive = false;
  walk(parseSync(text), (kind, node) => {
    if (kind === 'RangeVar' && TENANT_TABLES.includes(node['relname']))
      read.push(node['alias']?.aliasname ?? node['relname']);
    if (kind === 'UpdateStmt' || kind === 'DeleteStmt')
      read.push(node['relation'].alias?.aliasname ?? node['relation'].relname);
    if (kind === 'InsertStmt' && TENANT_TABLES.includes(node['relation'].relname)) {
      const select = node['selectStmt']?.SelectStmt;
      const first = select?.valuesLists?.[0]?.List.items[0] ?? select?.targetList?.[0]?.ResTarget.val;
      const isFirst = node['cols']?.[0]?.ResTarget.name === 'organization_id';
      inserted.push({ table: node['relation'].relname, isBound: isFirst && isParameter(first) });
    }
    if (kind === 'ColumnRef') columns.add(nameOf({ ColumnRef: node }).split('.').at(-1) ?? '');
    if (kind === 'withClause') isRecursive ||= node['recursive'] === true;
    if (kind === 'A_Expr' && node['name']?.[0]?.String?.sval === '=')
      for (const [one, other] of [
        [node['lexpr'], node['rexpr']],
        [node['rexpr'], node['lexpr']],
      ] as const) {
        const parts = nameOf(one).split('.');
        if (parts.at(-1) === 'organization_id' && isParameter(other)) bound.add(parts.at(-2) ?? '');
      }
  });
  const unbound = [
    ...read.filter((alias) => alias !== 'organizations' && !bound.has(alias) && !bound.has('')),
    ...inserted.filter(({ isBound }) => !isBound).map(({ table }) => `INSERT INTO ${table}`),
  ];
  return { unbound, columns, isRecursive };
}

it('PostgreSQL’s own parser reads every statement', () => {
  expect(declaredStatements().length).toBeGreaterThan(80);
  for (const { name, text } of declaredStatements())
    expect([name, (parseSync(text) as { stmts: unknown[] }).stmts.length]).toEqual([name, 1]);
});

it('a statement of one organization names it by parameter at every table', () => {
  const found = declaredStatements()
    .filter(({ name }) => OF_ALL_ORGANIZATIONS[name] === undefined)
    .map(({ name, text }) => [name, readingOf(text).unbound] as const)
    .filter(([, unbound]) => unbound.length > 0);
  expect(Object.fromEntries(found)).toEqual({});
});

it('every statement that is named as one of all organizations is one', () => {
  const names = new Map(declaredStatements().map((one) => [one.name, one.text]));
  for (const name of Object.keys(OF_ALL_ORGANIZATIONS))
    expect([name, readingOf(names.get(name) ?? '').unbound.length > 0]).toEqual([name, true]);
});

it('no statement uses the place of a row, which only one node knows', () => {
  for (const { name, text } of declaredStatements()) {
    const { columns } = readingOf(text);
    expect([name, ['ctid', 'xmin', 'xmax', 'tableoid'].filter((column) => columns.has(column))]).toEqual([
      name,
      [],
    ]);
  }
});

it('no statement of one organization is recursive', () => {
  const found = declaredStatements().filter(({ text }) => readingOf(text).isRecursive);
  expect(found.map(({ name }) => name).sort()).toEqual([...RECURSIVE].sort());
});

it('the rules find what breaks them', () => {
  expect(
    readingOf(
      'SELECT FROM actions a JOIN votes v ON v.organization_id = a.organization_id WHERE a.organization_id = $1',
    ).unbound,
  ).toEqual(['v']);
  expect(readingOf('DELETE FROM votes WHERE user_id = $1').unbound).toEqual(['votes']);
  expect(readingOf('INSERT INTO votes (organization_id) SELECT organization_id FROM given').unbound).toEqual([
    'INSERT INTO votes',
  ]);
  expect(readingOf('SELECT FROM votes WHERE organization_id = $1::bigint AND ctid = $2').unbound).toEqual([]);
  expect([...readingOf('SELECT FROM votes v WHERE v.ctid = $1').columns]).toContain('ctid');
});

it('two statements cannot share a name, under which PostgreSQL keeps the first one’s plan', () => {
  const [one] = declaredStatements();
  expect(() => statement({ name: one?.name ?? '', text: 'SELECT 1' })).toThrow('Two statements are named');
});
