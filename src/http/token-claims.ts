/** The claims of a token by name. */
export type Claims = Readonly<Record<string, unknown>>;

/** The names of the claims that the gateway reads. */
export interface ClaimNames {
  /** `aud`, or another claim for providers whose access tokens have no `aud`. */
  readonly audience: string;
  readonly subject: string;
  /** The claims with the user's and the organization's ids. Null if the subject identifies the user. */
  readonly ids: { readonly user: string; readonly organization: string } | null;
  /** The required values of other claims; see `hasRequired`. */
  readonly required: Readonly<Record<string, string | number | boolean>>;
}

/** The standard names (RFC 7519). */
export const STANDARD_CLAIMS: ClaimNames = { audience: 'aud', subject: 'sub', ids: null, required: {} };

/** The user whom a token identifies: by a subject that is linked to a user, or directly by ids. */
export type Identity =
  { readonly subject: string } | { readonly organizationId: number; readonly userId: number };

/** The end of the year 9999, in seconds. Later times are invalid. */
const END_OF_TIME = 253_402_300_799;
/** The longest subject, in characters (OpenID Connect Core 2). */
const MAX_SUBJECT_LENGTH = 255;

/**
 * Reads when a token was issued, which is optional, and when it expires, which is required (RFC 7519 4.1, in seconds).
 * The library checks `nbf`.
 * @returns null if a time is invalid or `exp` is missing
 */
export function readTimes(claims: Claims): { issuedAt: Date | null; expiresAt: Date } | null {
  const { exp, iat } = claims as { exp?: unknown; iat?: unknown };
  if (!isTime(exp) || (iat !== undefined && !isTime(iat))) return null;
  return { issuedAt: iat === undefined ? null : new Date(iat * 1000), expiresAt: new Date(exp * 1000) };
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= END_OF_TIME;
}

/** Claims that only ID tokens (OpenID Connect Core 3.1.3.6 and 3.3.2.11) and logout tokens have. */
const NOT_OF_ACCESS_TOKENS = ['at_hash', 'c_hash', 's_hash', 'events'];
/** The `typ` claims of Keycloak's other tokens. */
const OTHER_TYPES = ['id', 'refresh', 'offline', 'logout'];

/**
 * Whether a token is not marked as another kind of token. An ID token tells a client who logged in, and is not meant
 * for the gateway. Usually its audience excludes it; this check is for providers where both audiences are the same.
 */
export function isAccessToken(claims: Claims): boolean {
  // `token_use` is Cognito's: access or id.
  const { token_use: use = 'access', typ: type } = claims as { token_use?: unknown; typ?: unknown };
  const isOther = typeof type === 'string' && OTHER_TYPES.includes(type.toLowerCase());
  return use === 'access' && !isOther && !NOT_OF_ACCESS_TOKENS.some((name) => Object.hasOwn(claims, name));
}

/** Claims whose text is a list of words (RFC 8693 4.2; some providers name it `scp`). */
const LISTS_OF_WORDS = ['scope', 'scp'];

/** Whether a token has all required claims. A claim must be the value, or a list or scope that contains it. */
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

/** Returns the identity in a token, by the issuer's claim names. Null if it is missing or invalid. */
export function identityOf(claims: Claims, { subject: subjectName, ids }: ClaimNames): Identity | null {
  if (ids !== null) {
    const userId = idOf(claims[ids.user]);
    const organizationId = idOf(claims[ids.organization]);
    return userId === null || organizationId === null ? null : { organizationId, userId };
  }
  const subject = claims[subjectName];
  return isSubject(subject) ? { subject } : null;
}

/** Whether a value is a subject that the database can store: well-formed Unicode without U+0000. */
function isSubject(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value.length <= MAX_SUBJECT_LENGTH &&
    value.isWellFormed() &&
    !value.includes('\0')
  );
}

/** Parses an id; null if invalid (docs/rest-api.md#ids). Text is accepted, since some providers' claims are text. */
function idOf(value: unknown): number | null {
  const id = typeof value === 'string' && /^[1-9]\d{0,15}$/.test(value) ? Number(value) : value;
  return typeof id === 'number' && Number.isSafeInteger(id) && id >= 1 ? id : null;
}
