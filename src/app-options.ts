import type { ArchiveFault, CheckpointSource } from './audit/audit-proofs';
import type { LogKey } from './audit/log-key';
import type { SealerStatus } from './audit/sealer';
import type { LoadBounds } from './http/load-shedding';
import type { TrustedIssuer } from './http/token-verifier';
import type { Logger } from './observability/logger';
import type { GuardStatus } from './persistence/rollback/guard-options';
import type { Database } from './persistence/sql/database';

/** What an application is composed of. */
export interface AppOptions {
  /** Connected with the application's login. The caller closes it, after the app. */
  readonly database: Database;
  readonly trustedIssuers: readonly TrustedIssuer[];
  readonly log: Logger;
  readonly corsOrigins: readonly string[];
  readonly trustProxy: readonly string[];
  /** The most requests per minute of a principal to this process. Null, the default, for no limit. */
  readonly rateLimitPerMinute?: number | null;
  /** The most pending actions of one submitter. Null, the default, for no limit. */
  readonly maxPendingActions?: number | null;
  /** The load above which requests are refused. No limit by default. */
  readonly load?: LoadBounds;
  /** How long a request may take to arrive, in milliseconds. Half a minute by default. */
  readonly requestTimeout?: number;
  /** The environment that is reported to the vendor's SDK. `development` by default. */
  readonly environment?: 'development' | 'production';
  /** Gets a line for each request. Null, the default, logs none. */
  readonly requestLog?: Logger | null;
  /** Aborted when the process is told to stop. The app then reports not to be ready, and serves until it is closed. */
  readonly stopping?: AbortSignal;
  /** Whether callers without a credential may introspect the schema. */
  readonly anonymousIntrospection: boolean;
  /** Whether GraphiQL is served at /playground. */
  readonly playground: boolean;
  /** Signs the audit log and its receipts. */
  readonly logKey: LogKey;
  /** The checkpoints outside of the database, which verifications compare with. */
  readonly archive?: CheckpointSource;
  /** Reports what is wrong with that archive itself. */
  readonly archiveFault?: ArchiveFault;
  /** The sealer of this process, if it has one. */
  readonly sealer?: { readonly status: SealerStatus };
  /** Refuses a database that was rolled back, if given. */
  readonly guard?: { readonly status: GuardStatus };
  /** How long a client may take for one chunk before its export is aborted, in milliseconds. A minute by default. */
  readonly exportStalledMs?: number;
  /** The maximum duration of an export, in milliseconds. An hour by default. */
  readonly exportMaxMs?: number;
  /** The maximum duration of a verification in this process, in milliseconds. Half an hour by default. */
  readonly verificationMaxMs?: number;
  /** The number of runs after which an operation is compiled. Sixteen by default. */
  readonly runsBeforeCompiling?: number;
  /** How often overdue actions are marked, in milliseconds. Five seconds by default. They read as expired before. */
  readonly sweepEveryMs?: number;
  /** The gateway's clock, for tokens, correlation ids and error bodies. Decisions use the database's clock. */
  readonly clock?: () => Date;
}
