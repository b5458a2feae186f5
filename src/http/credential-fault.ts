import { RefusedError, type Refusal } from '../domain/refusal';

/** Why a credential does not count: for operators. Its caller is told the uniform refusal, and never this. */
export const CREDENTIAL_FAULTS = [
  // Of the Authorization header.
  'authorization_twice',
  'not_bearer',
  // Of a token, in the order in which it is looked at.
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
  // Of an API key.
  'api_key_malformed',
  'api_key_unknown',
  'api_key_owner_deactivated',
  'api_key_revoked',
  'api_key_expired',
] as const;

export type CredentialFault = (typeof CREDENTIAL_FAULTS)[number];

/** Those that the token itself shows, whoever it speaks of. */
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

/** What a log may hold of a credential that does not count: never the credential. */
export interface FaultDetails {
  /** As the token says it, which need not be true. */
  readonly issuer?: string;
  /** As the token's header says it. */
  readonly kid?: string | null;
  /** Of a verified token only. */
  readonly subject?: string;
  readonly audience?: unknown;
  readonly organizationId?: number;
  readonly userId?: number;
  readonly apiKeyId?: number;
  /** When it begins, or ceases, to count. */
  readonly at?: Date;
}

/** Refuses a credential; carries the reason to whoever logs it. */
export class CredentialRefusedError extends RefusedError {
  constructor(
    refusal: Refusal,
    readonly fault: CredentialFault,
    readonly details: FaultDetails = {},
  ) {
    super(refusal);
  }
}
