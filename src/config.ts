import { createPrivateKey, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { readNoteKey, type NoteKey } from './domain/signed-note';
import type { LoadBounds } from './http/load-shedding';
import type { TrustedIssuer } from './http/token-verifier';
import type { DatabaseOptions } from './persistence/sql/database';
import { readFile, readPem } from './setting-files';
import type { ShutdownTimes } from './stop-signals';
import { readIssuers } from './token-issuers';

/** All settings from the environment, read once and validated together. */
export interface Config {
  readonly isProduction: boolean;
  readonly host: string;
  /** 0 lets the operating system choose. */
  readonly port: number;
  /** An absolute path. */
  readonly dataDir: string;
  /** The application's login to an external PostgreSQL. Null for the embedded one. */
  readonly databaseUrl: string | null;
  /** The owner's login, without a connection pooler. Null if none was given. */
  readonly databaseOwnerUrl: string | null;
  readonly database: Pick<DatabaseOptions, 'poolSize' | 'tls' | 'preparedStatements'>;
  /** Empty if only the local development issuer is trusted. */
  readonly trustedIssuers: readonly TrustedIssuer[];
  readonly auditLog: AuditLogConfig;
  readonly corsOrigins: readonly string[];
  readonly trustProxy: readonly string[];
  /** Null for no limit. */
  readonly rateLimitPerMinute: number | null;
  /** The most pending actions of one submitter. Null for no limit. */
  readonly maxPendingActions: number | null;
  readonly load: LoadBounds;
  /** In milliseconds. */
  readonly requestTimeout: number;
  readonly shutdown: ShutdownTimes;
  /** Whether each request is logged. Null if the log level decides. */
  readonly requestLog: boolean | null;
  /** Whether GraphiQL is served at /playground. */
  readonly playground: boolean;
  readonly logLevel: string;
}

/** How the audit log is signed, and where its checkpoints are archived. */
export interface AuditLogConfig {
  /** The first part of the checkpoints' origins, such as a host name. */
  readonly name: string;
  /** An Ed25519 key. Null for a generated one that is kept in the data folder. */
  readonly signingKey: KeyObject | null;
  /** Public keys of earlier signing keys, whose signatures are still accepted. */
  readonly earlierKeys: readonly NoteKey[];
  /** An absolute path. */
  readonly archiveFolder: string;
}

/** Reports all missing and invalid settings. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  /** @param faults one line each, `NAME: what is wrong` */
  constructor(readonly faults: readonly string[]) {
    super(`These settings are missing or wrong:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
  }
}

const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  );
const postgresUrl = z
  .url({ protocol: /^postgres(ql)?$/, error: 'has to be a postgresql:// address' })
  .optional();

/** Parses an integer, or `off`, which becomes null. */
const bound = (min: number, max: number, what: string): z.ZodType<number | null | undefined> =>
  z
    .string()
    .refine(
      (text) => text === 'off' || (/^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max),
      {
        error: `has to be off or ${what}, from ${String(min)} to ${String(max)}`,
      },
    )
    .transform((text) => (text === 'off' ? null : Number(text)))
    .optional();

const seconds = (min: number, max: number, fallback: number): z.ZodType<number> =>
  z.coerce.number({ error: 'has to be a number of seconds' }).int().min(min).max(max).default(fallback);

const environment = z.object({
  NODE_ENV: z.enum(['development', 'test', 'production']).default('development'),
  HOST: z.string().default('127.0.0.1'),
  PORT: z.coerce.number({ error: 'has to be a port number' }).int().min(0).max(65_535).default(4000),
  DATA_DIR: z.string().default('.data'),
  DATABASE_URL: postgresUrl,
  DATABASE_OWNER_URL: postgresUrl,
  DATABASE_POOL_SIZE: z.coerce.number().int().min(1).max(1000).default(20),
  DATABASE_TLS: z.enum(['off', 'require', 'verify']).default('off'),
  DATABASE_CA_FILE: z.string().optional(),
  DATABASE_PREPARED_STATEMENTS: z.enum(['on', 'off']).default('on'),
  AUDIT_LOG_NAME: z
    .string()
    .regex(/^[^\s+]+$/u, 'has to be a name without spaces and plus signs')
    .default('countersign'),
  AUDIT_SIGNING_KEY: z.string().optional(),
  AUDIT_EARLIER_KEYS: list,
  AUDIT_ARCHIVE_DIR: z.string().optional(),
  CORS_ORIGINS: list.refine(
    (origins) => origins.every(isOrigin),
    'has to be origins like https://app.example.com',
  ),
  TRUST_PROXY: list.refine(
    (proxies) => proxies.every(isProxy),
    'has to be addresses, networks like 10.0.0.0/8, or loopback, linklocal, uniquelocal',
  ),
  RATE_LIMIT_PER_MINUTE: bound(6, 1_000_000, 'a number of requests'),
  MAX_PENDING_ACTIONS: bound(1, 1_000_000, 'a number of actions'),
  SHED_EVENT_LOOP_DELAY: bound(10, 60_000, 'milliseconds'),
  SHED_MEMORY: bound(64, 1_000_000, 'MB'),
  REQUEST_TIMEOUT: seconds(1, 600, 30),
  SHUTDOWN_DELAY: seconds(0, 300, 5),
  SHUTDOWN_TIMEOUT: seconds(1, 600, 20),
  REQUEST_LOG: z.enum(['off', 'info']).optional(),
  PLAYGROUND: z.enum(['on', 'off']).default('on'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).optional(),
});

/**
 * Reads the settings from environment variables. Empty and blank ones count as absent.
 * @throws {ConfigError} with all faults
 */
export function readConfig(variables: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(Object.entries(variables).filter(([, value]) => value?.trim() !== ''));
  const parsed = environment.safeParse(given);
  const faults = (parsed.error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
  const isProduction = given['NODE_ENV'] === 'production';
  if (isProduction && given['DATABASE_URL'] === undefined)
    faults.push('DATABASE_URL: is required in production');
  const trustedIssuers = readIssuers(given, isProduction, faults);
  const signingKey = readSigningKey(given['AUDIT_SIGNING_KEY'], faults);
  const earlierKeys = readEarlierKeys(parsed.data?.AUDIT_EARLIER_KEYS ?? [], faults);
  const ca = readFile('DATABASE_CA_FILE', given['DATABASE_CA_FILE'], faults);
  if (!parsed.success || faults.length > 0) throw new ConfigError(faults);
  const { data } = parsed;
  return Object.freeze({
    isProduction,
    host: data.HOST,
    port: data.PORT,
    dataDir: resolve(data.DATA_DIR),
    databaseUrl: data.DATABASE_URL ?? null,
    databaseOwnerUrl: data.DATABASE_OWNER_URL ?? null,
    database: {
      poolSize: data.DATABASE_POOL_SIZE,
      tls: data.DATABASE_TLS !== 'off' && {
        rejectUnauthorized: data.DATABASE_TLS === 'verify',
        ...(ca && { ca }),
      },
      preparedStatements: data.DATABASE_PREPARED_STATEMENTS === 'on',
    },
    trustedIssuers,
    auditLog: {
      name: data.AUDIT_LOG_NAME,
      signingKey,
      earlierKeys,
      archiveFolder: resolve(data.AUDIT_ARCHIVE_DIR ?? join(data.DATA_DIR, 'audit-checkpoints')),
    },
    corsOrigins: data.CORS_ORIGINS,
    trustProxy: data.TRUST_PROXY,
    rateLimitPerMinute: orDefault(data.RATE_LIMIT_PER_MINUTE, isProduction ? 1_200 : null),
    maxPendingActions: orDefault(data.MAX_PENDING_ACTIONS, 10_000),
    load: {
      eventLoopDelay: orDefault(data.SHED_EVENT_LOOP_DELAY, isProduction ? 1_000 : null),
      memory: data.SHED_MEMORY ?? null,
    },
    requestTimeout: data.REQUEST_TIMEOUT * 1_000,
    shutdown: { delay: data.SHUTDOWN_DELAY * 1_000, timeout: data.SHUTDOWN_TIMEOUT * 1_000 },
    requestLog: data.REQUEST_LOG === undefined ? (isProduction ? null : false) : data.REQUEST_LOG === 'info',
    playground: data.PLAYGROUND === 'on',
    logLevel: data.LOG_LEVEL ?? (isProduction ? 'info' : 'warn'),
  });
}

function readSigningKey(key: string | undefined, faults: string[]): KeyObject | null {
  if (key === undefined) return null;
  const pem = readPem('AUDIT_SIGNING_KEY', key, faults);
  if (pem === null) return null;
  try {
    const privateKey = createPrivateKey(pem);
    if (privateKey.asymmetricKeyType === 'ed25519') return privateKey;
  } catch {
    // Text that is no key gets the same fault as a key of another type.
  }
  faults.push('AUDIT_SIGNING_KEY: is not a PEM private key for Ed25519');
  return null;
}

/** Returns the setting, which may be null for `off`, or the default if it is absent. */
function orDefault(given: number | null | undefined, fallback: number | null): number | null {
  return given === undefined ? fallback : given;
}

function readEarlierKeys(texts: readonly string[], faults: string[]): readonly NoteKey[] {
  return texts.flatMap((text) => {
    const key = readNoteKey(text);
    if (key === null)
      faults.push(`AUDIT_EARLIER_KEYS: is not a list of public keys like name+id+base64: ${text}`);
    return key ?? [];
  });
}

/** Whether a text is an address, a network, or a network's name. */
function isProxy(proxy: string): boolean {
  const [address = '', prefix, ...rest] = proxy.split('/');
  const bits = isIP(address) === 4 ? 32 : 128;
  if (isIP(address) === 0) return ['loopback', 'linklocal', 'uniquelocal'].includes(proxy);
  return (
    rest.length === 0 && (prefix === undefined || (/^[1-9]\d{0,2}$/.test(prefix) && Number(prefix) <= bits))
  );
}

function isOrigin(origin: string): boolean {
  return URL.canParse(origin) && new URL(origin).origin === origin;
}
