import type { FastifyRequest } from 'fastify';

/** Whether the client accepts gzip. `*` stands for all codings that are not named (RFC 9110 12.5.3). */
export function acceptsGzip({ headers }: FastifyRequest): boolean {
  const accepted = headers['accept-encoding']?.toString() ?? '';
  const weights = new Map(accepted.split(',').map(codingAndWeight));
  return (weights.get('gzip') ?? weights.get('*') ?? 0) > 0;
}

function codingAndWeight(text: string): [string, number] {
  const [coding = '', ...parameters] = text.toLowerCase().replaceAll(/\s/g, '').split(';');
  const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
  return [coding, Number(weight ?? 1)];
}
