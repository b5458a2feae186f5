import { makeLogger } from '../../src/observability/logger';
import { insideIn } from '../support/insides';
import { SAMPLES, secretsIn } from '../support/secrets';

/**
 * What an operator may read in a log, and a client in an error. The whole run is checked: what its gateways and their
 * PostgreSQL logged is searched at its end (test/support/run-log.ts), and so is each answer on arrival.
 */
describe('an operator who reads the log', () => {
  const SECRET = 'c2VjcmV0IG9mIHNvbWVib2R5';

  it.each(['authorization', 'proxy-authorization', 'cookie', 'x-api-key', 'token', 'apiKey'])(
    'finds no %s in it, on its own, in an object, or in one of those',
    (name) => {
      const entries: string[] = [];
      const log = makeLogger('trace', { write: (entry) => entries.push(entry) });
      const carrier = { [name]: SECRET, kept: 'kept' };
      log.trace(carrier, 'own');
      log.warn({ headers: carrier }, 'headers');
      log.error({ req: { headers: carrier } }, 'request');
      log.child({ req: { headers: carrier } }).info('child');
      expect(entries).toHaveLength(4);
      for (const entry of entries) {
        expect(entry).toContain('"kept":"kept"');
        expect(entry).toContain(`"${name}":"[Redacted]"`);
        expect(entry).not.toContain(SECRET);
      }
    },
  );

  it.each(Object.entries(SAMPLES))(
    'is protected from %s by the search at the end of this run',
    (kind, sample) => {
      expect(secretsIn(`{"level":40,"msg":"${sample}"}\n`, []).map((found) => found.kind)).toContain(kind);
    },
  );

  it("is protected from the databases' passwords, and harmless text is left in", () => {
    const harmless =
      '{"level":30,"req":{"headers":{"authorization":"[Redacted]"}},"msg":"action 12345 by key csk_ab"}';
    expect(secretsIn(harmless, ['tr0ub4dor'])).toEqual([]);
    expect(secretsIn('password is tr0ub4dor', ['tr0ub4dor'])).toHaveLength(1);
  });
});

describe('a client who reads an error', () => {
  const told = (text: string, { status = 500, headers = {}, sent = '' } = {}) =>
    insideIn({ status, headers: new Headers(headers), text: JSON.stringify({ detail: text }) }, sent);

  it.each([
    ['SQL', 'SELECT id, status FROM actions WHERE id = $1'],
    ['SQL', 'relation \\"votes\\" does not exist'],
    ['SQL', 'null value in column \\"id\\" violates not-null constraint'],
    ['a stack', 'Error: x\n    at Database.run (/srv/app/src/persistence/database.ts:190:20)'],
    ['a path of the machine', '/srv/app/node_modules/pg/lib/client.js'],
    ['an error of the machine', 'connect ECONNREFUSED 127.0.0.1:5432'],
    ['an error of the machine', "TypeError: Cannot read properties of undefined (reading 'id')"],
    ['a version', 'fastify/5.12.8'],
    ['a version', 'PostgreSQL 18.4 on x86_64'],
  ])('never learns internals in any test: %s, as in %s', (kind, text) => {
    expect(told(text)).toContain(kind);
    expect(told(text, { status: 200 })).toBeUndefined();
    expect(
      insideIn({ status: 200, headers: new Headers(), text: `{"errors":[{"message":"${text}"}]}` }, ''),
    ).toContain(kind);
  });

  it('never learns which server it is, whatever the answer', () => {
    expect(told('', { status: 200, headers: { server: 'x' } })).toBe('the header server');
    expect(told('', { status: 404, headers: { 'x-powered-by': 'x' } })).toBe('the header x-powered-by');
  });

  it('may find what they sent', () => {
    const sent = '{"query":"SELECT 1 FROM actions"}';
    expect(told('Syntax Error: Unexpected Name "SELECT 1 FROM actions"', { sent })).toBeUndefined();
    expect(told('The request body is not valid JSON', { status: 400 })).toBeUndefined();
  });
});
