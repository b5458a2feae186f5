import { BlockList, isIP, isIPv6, SocketAddress } from 'node:net';

/** Finds the address of the client that sent a request. */
export type FindClientAddress = (peer: string | undefined, forwardedFor: string | undefined) => string;

/** Networks that may be named instead of written, as HTTP servers commonly do. */
const NAMED_NETWORKS: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/**
 * Makes the function that finds a client's address: the peer's, or, where that is a trusted proxy, the one that it wrote
 * last into X-Forwarded-For, and so on. What is no address ends the search: the proxy that passed it on is the client.
 * Linear in the header, of which only the part is read that trusted proxies wrote.
 * @param trustedProxies addresses, networks such as 10.0.0.0/8, or names in NAMED_NETWORKS
 */
export function makeFindClientAddress(trustedProxies: readonly string[]): FindClientAddress {
  const trusted = blockListOf(trustedProxies);
  return (peer = '', forwardedFor = '') => {
    let address = parseAddress(peer) ?? peer;
    let end = forwardedFor.length;
    while (end > 0 && trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')) {
      const start = forwardedFor.lastIndexOf(',', end - 1) + 1;
      const before = parseAddress(forwardedFor.slice(start, end));
      if (before === null) break;
      address = before;
      end = start - 1;
    }
    return address;
  };
}

/** How long an address with a zone, brackets and a port can be; what is longer is not looked into. */
const MAX_ADDRESS_LENGTH = 100;

/**
 * Reads an address as proxies write it: IPv4 or IPv6, in brackets perhaps, with a port or a zone perhaps.
 * @returns the address alone in its canonical form, IPv4 for an IPv4-mapped one; null for what is none
 */
function parseAddress(written: string): string | null {
  const text = written.length > MAX_ADDRESS_LENGTH ? '' : written.trim();
  const [, bracketed, plain = text] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d{1,5})?$/.exec(text) ?? [];
  const withZone = bracketed ?? plain;
  const version = isIP(withZone);
  if (version === 0 || (bracketed !== undefined && version === 4)) return null;
  const [address = ''] = withZone.split('%');
  const canonical = new SocketAddress({ address, family: version === 4 ? 'ipv4' : 'ipv6' }).address;
  const mapped = canonical.startsWith('::ffff:') ? canonical.slice('::ffff:'.length) : '';
  return isIP(mapped) === 4 ? mapped : canonical;
}

function blockListOf(trustedProxies: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of trustedProxies.flatMap((name) => NAMED_NETWORKS[name] ?? [name])) {
    const [address = '', prefix] = network.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    list.addSubnet(address, prefix === undefined ? (family === 'ipv6' ? 128 : 32) : Number(prefix), family);
  }
  return list;
}
