import { makeFindClientAddress } from '../../../src/http/client-address';
import { startGateway, type Gateway } from '../../support/gateway';
import { codeOf } from '../../support/refusals';

/** Whose address the audit log has and the limits count, behind proxies. */
const ADMIN = 1;
const find = makeFindClientAddress(['127.0.0.1', '10.0.0.0/8', '2001:db8:ffff::/48', 'linklocal']);

describe('the address of a client', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['203.0.113.7:51008', '203.0.113.7'],
    [' \t203.0.113.7 ', '203.0.113.7'],
    ['[2001:db8::7]:443', '2001:db8::7'],
    ['[2001:db8::7]', '2001:db8::7'],
    ['2001:DB8:0:0::7', '2001:db8::7'],
    ['fd00::1%eth0', 'fd00::1'],
    ['[fd00::1%25]:80', 'fd00::1'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['198.51.100.1, 203.0.113.7:1', '203.0.113.7'],
    ['198.51.100.1,203.0.113.7, 10.1.2.3', '203.0.113.7'],
    ['203.0.113.7, 10.1.2.3:80, [2001:db8:ffff::1]:80, fe80::1', '203.0.113.7'],
    ['203.0.113.7, 10.1.2.3, ::ffff:10.0.0.1', '203.0.113.7'],
    ['10.1.2.3', '10.1.2.3'],
  ])('is read from X-Forwarded-For: %j', (forwarded, address) => {
    expect(find('127.0.0.1', forwarded)).toBe(address);
    expect(find('::ffff:127.0.0.1', forwarded)).toBe(address);
  });

  it.each([
    ...['unknown', '_hidden', '', ',', '203.0.113', '203.0.113.256', '0203.0.113.7', '203.0.113.7:x'],
    ...[
      '203.0.113.7:',
      '[203.0.113.7]',
      '[2001:db8::7',
      '2001:db8::7]:443',
      '203.0.113.7:123456',
      '<script>',
    ],
    ...['198.51.100.1, unknown', 'x'.repeat(100_000), ','.repeat(100_000), `1.2.3.4${' '.repeat(100_000)}x`],
  ])('is that of the proxy itself where the proxy passed on no address: %#', (forwarded) => {
    expect(find('127.0.0.1', forwarded)).toBe('127.0.0.1');
  });

  it('is that of the last known proxy where one before it passed on no address', () => {
    expect(find('127.0.0.1', '203.0.113.7, unknown, 10.1.2.3')).toBe('10.1.2.3');
  });

  it("is the peer's, whatever an untrusted peer claims", () => {
    expect(find('192.0.2.1', '203.0.113.7')).toBe('192.0.2.1');
  });
});

describe('behind a proxy that writes address:port', () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway({ trustProxy: ['127.0.0.1'], rateLimitPerMinute: 30 });
  });
  afterAll(() => gateway.close());

  it.each([
    ['203.0.113.7:51008', '203.0.113.7'],
    ['[2001:db8::7]:443', '2001:db8::7'],
    ['unknown', '127.0.0.1'],
    ['x'.repeat(100_000), '127.0.0.1'],
  ])('a reviewer is in the audit log with the address alone: %#', async (forwarded, address) => {
    const [id] = await gateway.addActions([10]);
    const headers = { 'x-forwarded-for': forwarded };
    await gateway.rest('POST', `/api/v1/actions/${String(id)}/approve`, { user: ADMIN, headers });
    const rows = await gateway.database.sql('SELECT ip_address FROM audit_log WHERE action_id = $1', [id]);
    expect(rows).toEqual([{ ip_address: address }]);
  });

  it('an attacker who guesses credentials from many ports is limited by the one address', async () => {
    const codes = new Set<string>();
    for (let port = 50_000; port < 50_007; port += 1) {
      const headers = { authorization: 'Bearer a.b.c', 'x-forwarded-for': `198.51.100.9:${String(port)}` };
      codes.add(codeOf(await gateway.rest('GET', '/api/v1/actions/1', { headers })));
    }
    expect([...codes]).toEqual(['401 INVALID_TOKEN', '429 RATE_LIMIT_EXCEEDED']);
  });
});
