import { BlockList, isIP, isIPv6, SocketAddress } from 'node:net';

/** Returns the address of the client that sent a request. */
export type FindClientAddress = (peer: string | undefined, forwardedFor: string | undefined) => string;

/** Names for networks, as other HTTP servers use them. */
const NAMED_NETWORKS: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/**
 * Creates the function that finds a client's address. It starts at the peer and, as long as an address is a trusted
 * proxy, moves to the one before it in X-Forwarded-For. It stops at an invalid entry: the proxy that sent it is the
 * client. The time is linear in the header, of which only the part written by trusted proxies is read.
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

/** The longest address with zone, brackets and port, in characters. Longer texts are not parsed. */
const MAX_ADDRESS_LENGTH = 100;

/**
 * Parses an address as proxies write it: IPv4 or IPv6, with optional brackets, port and zone.
 * @returns the canonical address alone, IPv4 for an IPv4-mapped one; null if it is invalid
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
