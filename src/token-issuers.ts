import { createPublicKey } from 'node:crypto';
import { z } from 'zod';
import type { ClaimNames } from './http/token-claims';
import type { TrustedIssuer } from './http/token-verifier';
import {
  ISSUER_ALGORITHMS,
  keyFault,
  type IssuerAlgorithm,
  type VerificationKey,
} from './http/verification-key';
import { readFile, readPem } from './setting-files';

const text = z
  .string({ error: ({ input }) => (input === undefined ? 'is required' : 'has to be text') })
  .min(1, 'has to be text');
const issuerSettings = z.strictObject({
  issuer: text,
  jwksUrl: text.refine(isSafeUrl, 'has to be an https:// address, or http:// to this machine').optional(),
  publicKey: text.optional(),
  algorithm: z.enum(ISSUER_ALGORITHMS).optional(),
  audience: z.union([text.transform((one) => [one]), z.array(text).min(1)]).default(['countersign']),
  audienceClaim: text.default('aud'),
  subjectClaim: text.default('sub'),
  requiredClaims: z.record(text, z.union([z.string(), z.number(), z.boolean()])).default({}),
  userIdClaim: text.optional(),
  organizationIdClaim: text.optional(),
  organization: z.int().min(1).optional(),
});
type IssuerSettings = z.output<typeof issuerSettings>;

/** The environment variables that configure a single issuer. */
const VARIABLES: Readonly<Record<string, keyof IssuerSettings>> = {
  TOKEN_ISSUER: 'issuer',
  TOKEN_PUBLIC_KEY: 'publicKey',
  TOKEN_JWKS_URL: 'jwksUrl',
  TOKEN_ALGORITHM: 'algorithm',
  TOKEN_AUDIENCE: 'audience',
  TOKEN_AUDIENCE_CLAIM: 'audienceClaim',
  TOKEN_SUBJECT_CLAIM: 'subjectClaim',
  TOKEN_REQUIRED_CLAIMS: 'requiredClaims',
  TOKEN_USER_ID_CLAIM: 'userIdClaim',
  TOKEN_ORGANIZATION_ID_CLAIM: 'organizationIdClaim',
};

type Path = readonly PropertyKey[];
type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Reads the trusted issuers: the one of the TOKEN_ variables and those of TOKEN_ISSUERS. Missing and invalid settings
 * are added to `faults`. In production, having no issuer is a fault.
 */
export function readIssuers(
  given: Variables,
  isProduction: boolean,
  faults: string[],
): readonly TrustedIssuer[] {
  const single = Object.keys(VARIABLES).some((name) => given[name] !== undefined);
  const issuers = readList(given['TOKEN_ISSUERS'], faults);
  if (single || (isProduction && given['TOKEN_ISSUERS'] === undefined))
    issuers.push(readSingle(given, faults));
  const known = issuers.filter((issuer) => issuer !== null);
  for (const [place, { issuer }] of known.entries())
    if (known.findIndex((other) => other.issuer === issuer) < place)
      faults.push(`TOKEN_ISSUERS: names ${issuer} twice`);
  return known;
}

/** Reads issuers as JSON from the setting, or from the file that it names. Null stands for a faulty issuer. */
function readList(setting: string | undefined, faults: string[]): (TrustedIssuer | null)[] {
  const json =
    setting?.trim().startsWith('[') === false ? readFile('TOKEN_ISSUERS', setting, faults) : setting;
  if (json === undefined || json === null) return [];
  try {
    const list: unknown = JSON.parse(json);
    if (Array.isArray(list))
      return list.map((issuer, place) =>
        readIssuer(issuer, (path) => `TOKEN_ISSUERS: ${[place, ...path].join('.')}`, faults),
      );
  } catch {
    // Text that is no JSON gets the same fault as JSON that is no list.
  }
  faults.push('TOKEN_ISSUERS: is not a JSON list of issuers');
  return [];
}

function readSingle(given: Variables, faults: string[]): TrustedIssuer | null {
  const settings = Object.fromEntries(
    Object.entries(VARIABLES).flatMap(([name, field]) => {
      const value = given[name];
      return value === undefined ? [] : [[field, readVariable(field, value)]];
    }),
  );
  const nameOf = ([field]: Path): string =>
    Object.entries(VARIABLES).find(([, own]) => own === field)?.[0] ?? 'TOKEN_ISSUER';
  return readIssuer(settings, nameOf, faults);
}

/** Converts a variable to the value of its JSON field. Lists are separated by commas. */
function readVariable(field: keyof IssuerSettings, value: string): unknown {
  const items = value.split(',').map((item) => item.trim());
  if (field === 'audience') return items;
  if (field !== 'requiredClaims') return value;
  return Object.fromEntries(items.map((item) => item.split('=', 2)));
}

/** Validates one issuer. Returns null if it is faulty. @param nameOf returns the setting's name of a field */
function readIssuer(raw: unknown, nameOf: (path: Path) => string, faults: string[]): TrustedIssuer | null {
  const { data, error } = issuerSettings.safeParse(raw);
  for (const { path, message } of error?.issues ?? []) faults.push(`${nameOf(path)}: ${message}`);
  const given = raw as Partial<Record<keyof IssuerSettings, unknown>> | null;
  const keys = readKeys(given?.publicKey, given?.jwksUrl, data?.algorithm, nameOf, faults);
  const claims = data && readClaims(data, nameOf, faults);
  if (!data || !keys || !claims) return null;
  const { issuer, audience: audiences, organization: organizationId = null } = data;
  return { issuer, audiences, claims, keys, organizationId };
}

function readKeys(
  publicKey: unknown,
  jwksUrl: unknown,
  algorithm: IssuerAlgorithm | undefined,
  nameOf: (path: Path) => string,
  faults: string[],
): TrustedIssuer['keys'] | null {
  const [keyName, urlName] = [nameOf(['publicKey']), nameOf(['jwksUrl'])];
  if ((publicKey === undefined) === (jwksUrl === undefined)) {
    faults.push(`${keyName}: either this or ${urlName} is required, not both`);
    return null;
  }
  if (typeof publicKey === 'string') return readPublicKey(keyName, publicKey, algorithm ?? 'RS256', faults);
  const algorithms = algorithm === undefined ? ISSUER_ALGORITHMS : [algorithm];
  return typeof jwksUrl === 'string' ? { uri: jwksUrl, algorithms } : null;
}

function readPublicKey(
  name: string,
  setting: string,
  algorithm: IssuerAlgorithm,
  faults: string[],
): VerificationKey | null {
  const pem = readPem(name, setting, faults);
  if (pem === null) return null;
  const fault = pem.includes('PRIVATE KEY') ? 'is a private key, but has to be a public key' : null;
  try {
    const key = createPublicKey(pem);
    const weakness = fault ?? keyFault(key, algorithm);
    if (weakness === null) return { kid: null, algorithm, key };
    faults.push(`${name}: ${weakness}`);
  } catch {
    faults.push(`${name}: ${fault ?? `is not a PEM public key for ${algorithm}`}`);
  }
  return null;
}

function readClaims(
  { audienceClaim, subjectClaim, requiredClaims, userIdClaim, organizationIdClaim }: IssuerSettings,
  nameOf: (path: Path) => string,
  faults: string[],
): ClaimNames | null {
  const names = { audience: audienceClaim, subject: subjectClaim, required: requiredClaims };
  if (userIdClaim === undefined && organizationIdClaim === undefined) return { ...names, ids: null };
  if (userIdClaim !== undefined && organizationIdClaim !== undefined)
    return { ...names, ids: { user: userIdClaim, organization: organizationIdClaim } };
  const missing = userIdClaim === undefined ? 'userIdClaim' : 'organizationIdClaim';
  faults.push(`${nameOf([missing])}: is required as well`);
  return null;
}

/** Whether keys may be fetched from a URL. An attacker could replace keys that are sent unencrypted. */
function isSafeUrl(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  const isLocal = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
  return protocol === 'https:' || (protocol === 'http:' && isLocal);
}
