/** The claims of a token, by their names. */
export type Claims = Readonly<Record<string, unknown>>;

/** Which of a token's claims mean what. */
export interface ClaimNames {
  /** `aud`, or another for providers whose access tokens carry none. */
  readonly audience: string;
  readonly subject: string;
  /** Names the user's and the organization's id directly; null where the subject names the user. */
  readonly ids: { readonly user: string; readonly organization: string } | null;
  /** What others have to be, or to hold; see `hasRequired`. */
  readonly required: Readonly<Record<string, string | number | boolean>>;
}

/** As the standards have it (RFC 7519). */
export const STANDARD_CLAIMS: ClaimNames = { audience: 'aud', subject: 'sub', ids: null, required: {} };

/** Whom a token names: a subject that is known here as some user, or a user directly. */
export type Identity =
  { readonly subject: string } | { readonly organizationId: number; readonly userId: number };

/** The end of the year 9999, in seconds: what lies behind is no time. */
const END_OF_TIME = 253_402_300_799;
/** More than any provider's subject has (OpenID Connect Core 2: 255 ASCII characters). */
const MAX_SUBJECT_LENGTH = 255;

/**
 * When a token was issued, if it says so, and when it expires, which it has to say (RFC 7519 4.1, whose times are
 * numbers of seconds). `nbf` is the library's.
 * @returns null where a time is missing or none
 */
export function readTimes(claims: Claims): { issuedAt: Date | null; expiresAt: Date } | null {
  const { exp, iat } = claims as { exp?: unknown; iat?: unknown };
  if (!isTime(exp) || (iat !== undefined && !isTime(iat))) return null;
  return { issuedAt: iat === undefined ? null : new Date(iat * 1000), expiresAt: new Date(exp * 1000) };
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= END_OF_TIME;
}

/** Claims that only other tokens have: ID tokens (OpenID Connect Core 3.1.3.6 and 3.3.2.11) and logout tokens. */
const NOT_OF_ACCESS_TOKENS = ['at_hash', 'c_hash', 's_hash', 'events'];
/** What Keycloak calls its other tokens. */
const OTHER_TYPES = ['id', 'refresh', 'offline', 'logout'];

/**
 * Whether a token does not say of itself that it is something else. An ID token proves to a client who logged in; it
 * was never meant for us. What keeps it out is its audience, the client; this is for where both are the same.
 */
export function isAccessToken(claims: Claims): boolean {
  // `token_use` is Cognito's: access or id.
  const { token_use: use = 'access', typ: type } = claims as { token_use?: unknown; typ?: unknown };
  const isOther = typeof type === 'string' && OTHER_TYPES.includes(type.toLowerCase());
  return use === 'access' && !isOther && !NOT_OF_ACCESS_TOKENS.some((name) => Object.hasOwn(claims, name));
}

/** Claims whose text is a list of words (RFC 8693 4.2; `scp` is what some providers call it). */
const LISTS_OF_WORDS = ['scope', 'scp'];

/** Whether a token has all that is required of it: a claim is the value, or a list or scope that holds it. */
export function hasRequired(claims: Claims, { required }: Pick<ClaimNames, 'required'>): boolean {
  return Object.entries(required).every(([name, value]) => {
    const claim = Object.hasOwn(claims, name) ? claims[name] : undefined;
    if (claim === value) return true;
    if (Array.isArray(claim)) return claim.includes(value);
    return (
      typeof claim === 'string' && LISTS_OF_WORDS.includes(name) && claim.split(' ').includes(String(value))
    );
  });
}

/** Whom a token names by the issuer's claims; null where it names nobody. */
export function identityOf(claims: Claims, { subject: subjectName, ids }: ClaimNames): Identity | null {
  if (ids !== null) {
    const userId = idOf(claims[ids.user]);
    const organizationId = idOf(claims[ids.organization]);
    return userId === null || organizationId === null ? null : { organizationId, userId };
  }
  const subject = claims[subjectName];
  return isSubject(subject) ? { subject } : null;
}

/** Text that the database can hold as it is: well-formed, and without U+0000. */
function isSubject(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value.length <= MAX_SUBJECT_LENGTH &&
    value.isWellFormed() &&
    !value.includes('\0')
  );
}

/** An id as a number, or as text where a provider's attributes are text; null for what is none (docs/rest-api.md#ids). */
function idOf(value: unknown): number | null {
  const id = typeof value === 'string' && /^[1-9]\d{0,15}$/.test(value) ? Number(value) : value;
  return typeof id === 'number' && Number.isSafeInteger(id) && id >= 1 ? id : null;
}
