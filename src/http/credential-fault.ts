import { RefusedError, type Refusal } from '../domain/refusal';

/** The reasons for refusing a credential. They are for operators only: callers get a uniform refusal. */
export const CREDENTIAL_FAULTS = [
  // The Authorization header.
  'authorization_twice',
  'not_bearer',
  // A token, in the order of the checks.
  'size',
  'malformed',
  'issuer_unknown',
  'key_unknown',
  'keys_unavailable',
  'signature',
  'audience',
  'required_claims',
  'not_access_token',
  'times',
  'not_yet_valid',
  'identity_claims',
  'subject_not_provisioned',
  'organization_of_another_issuer',
  'deactivated',
  'expired',
  // An API key.
  'api_key_malformed',
  'api_key_unknown',
  'api_key_owner_deactivated',
  'api_key_revoked',
  'api_key_expired',
] as const;

export type CredentialFault = (typeof CREDENTIAL_FAULTS)[number];

/** The faults of the token itself, found without looking up its user. */
export type TokenFault = Extract<
  CredentialFault,
  | 'size'
  | 'malformed'
  | 'issuer_unknown'
  | 'key_unknown'
  | 'signature'
  | 'audience'
  | 'required_claims'
  | 'not_access_token'
  | 'times'
  | 'not_yet_valid'
  | 'identity_claims'
>;

/** What the log shows of a refused credential. Never the credential itself. */
export interface FaultDetails {
  /** As claimed by the token, possibly unverified. */
  readonly issuer?: string;
  /** From the token's header. */
  readonly kid?: string | null;
  /** Only of a verified token. */
  readonly subject?: string;
  readonly audience?: unknown;
  readonly organizationId?: number;
  readonly userId?: number;
  readonly apiKeyId?: number;
  /** The time at which the credential becomes valid, expires, or was revoked. */
  readonly at?: Date;
}

/** The refusal of a credential, with the reason for the log. */
export class CredentialRefusedError extends RefusedError {
  constructor(
    refusal: Refusal,
    readonly fault: CredentialFault,
    readonly details: FaultDetails = {},
  ) {
    super(refusal);
  }
}
