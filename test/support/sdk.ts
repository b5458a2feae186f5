import type { Answer, Gateway } from './gateway';

let requests = 0;

/** The headers of the vendor's SDK, exactly: the same key twice, and a correlation id of its own for each request. */
export function sdkHeaders(apiKey: string, version = '2.3.0'): Record<string, string> {
  requests += 1;
  return {
    Authorization: `Bearer ${apiKey}`,
    'X-API-Key': apiKey,
    'X-Correlation-ID': `asc_${String(requests).padStart(32, '0')}`,
    'X-SDK-Version': version,
    'User-Agent': `ascend-sdk/${version} Python`,
    'content-type': 'application/json',
    Accept: 'application/json',
  };
}

/** What the SDK gets for a GET; it sends the content type with these too. */
export function sdkGet(gateway: Gateway, apiKey: string, path: string, version?: string): Promise<Answer> {
  return gateway.rest('GET', path, { headers: sdkHeaders(apiKey, version) });
}
