import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSchema, getNamedType, isLeafType, isObjectType, type GraphQLObjectType } from 'graphql';
import { decide } from '../../support/apis';
import { startGateway, type Gateway } from '../../support/gateway';

/** What a list reads depends on the selected fields; what it answers does not. */
const ADMIN = 1;
const ANALYST = 4;
const SCHEMA = buildSchema(readFileSync(join(__dirname, '..', '..', '..', 'schema.graphql'), 'utf8'));
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
  await decide(gateway, 'rest', 'approve', 12345, { user: ADMIN });
  await decide(gateway, 'graphql', 'approve', 12345, { user: ADMIN });
});
afterAll(() => gateway.close());

/** A list, and the type of its items. */
const LISTS = [
  ['actions', 'Action'],
  ['auditLogs', 'AuditLog'],
] as const;

function fieldsOf(typeName: string): readonly string[] {
  return Object.values((SCHEMA.getType(typeName) as GraphQLObjectType).getFields()).map(({ name, type }) => {
    const named = getNamedType(type);
    return isObjectType(named) ? `${name} { ${leavesOf(named)} }` : name;
  });
}

/** Every leaf field of it; for a connection, of its nodes. */
function leavesOf(type: GraphQLObjectType): string {
  return Object.values(type.getFields())
    .flatMap(({ name, type: inner }) => {
      const named = getNamedType(inner);
      if (isLeafType(named)) return [name];
      return isObjectType(named) && ['edges', 'node'].includes(name)
        ? [`${name} { ${leavesOf(named)} }`]
        : [];
    })
    .join(' ');
}

async function read(list: string, selection: string, user: number): Promise<Record<string, unknown>[]> {
  const { body } = await gateway.graphql(`{ ${list}(first: 20) { edges { node { ${selection} } } } }`, {
    user,
  });
  if (body.errors !== undefined) throw new Error(JSON.stringify(body.errors));
  return body.data[list].edges.map(({ node }: { node: Record<string, unknown> }) => node);
}

describe.each([ADMIN, ANALYST])('user %i who asks a list for one field', (user) => {
  it.each(LISTS)('reads in %s of each %s the same as with all fields', async (list, type) => {
    const fields = fieldsOf(type);
    const whole = await read(list, fields.join(' '), user);
    expect(whole.length).toBeGreaterThan(3);
    expect(fields.length).toBeGreaterThan(15);
    for (const field of fields) {
      const [name = ''] = field.split(' ');
      expect(await read(list, field, user)).toEqual(whole.map((node) => ({ [name]: node[name] })));
    }
  });

  it('reads the same through fragments, aliases and conditions', async () => {
    const query = `query ($yes: Boolean!) {
      auditLogs(first: 20) { edges { node { ...Entry what: details ... on AuditLog @include(if: $yes) { correlationId } } } }
    } fragment Entry on AuditLog { reason ipAddress }`;
    const { body } = await gateway.graphql(query, { user, variables: { yes: true } });
    const whole = await read('auditLogs', 'reason ipAddress details correlationId', user);
    expect(body.data.auditLogs.edges.map(({ node }: { node: object }) => node)).toEqual(
      whole.map(({ reason, ipAddress, details, correlationId }) => ({
        reason,
        ipAddress,
        what: details,
        correlationId,
      })),
    );
    expect(whole.some(({ ipAddress }) => ipAddress !== null)).toBe(user === ADMIN);
  });
});

it.each([
  ['details', /actor_id|actor_kind|on_behalf_of|organization_id" AS|action_id" AS|reason/],
  ['actor { name }', /details|action_id" AS/],
  ['action { id }', /details|actor_id/],
])('a list of audit entries that is asked for %s reads nothing else', async (selection, unread) => {
  const { statements } = gateway.database;
  statements.length = 0;
  await read('auditLogs', selection, ADMIN);
  const texts = statements.map(({ text }) => text).filter((text) => text.includes('FROM audit_log t'));
  expect(texts).toEqual([expect.not.stringMatching(unread)]);
});
