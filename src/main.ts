import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { makeApp } from './app';
import { archiveFaultIn } from './audit/archive-fault';
import { lastArchived } from './audit/archive-files';
import { openLogKey } from './audit/log-key';

import { Sealer } from './audit/sealer';
import { asksForHelp } from './cli/help';
import { ConfigError, readConfig, type Config } from './config';
import { openDevelopmentIssuer } from './http/development-issuer';
import { makeLogger, type Logger } from './observability/logger';
import { operatorOrigin } from './operator';
import { explainOutage } from './persistence/connections/outage';
import { listener, openInstance, type Instance } from './persistence/install/instance';
import { delayAfter, STOPPED_LATE, untilSignal, type ShutdownTimes, type StopSignal } from './stop-signals';

/** The share of the shutdown timeout for requests in progress. The rest is for closing everything else. */
const DRAIN_SHARE = 0.5;

/** What was opened. It is closed in the opposite order. */
class Closables {
  private readonly open: { readonly name: string; readonly close: () => Promise<unknown> }[] = [];
  /** The name of what is being closed. */
  current: string | null = null;

  add(name: string, close: () => Promise<unknown>): void {
    this.open.unshift({ name, close });
  }

  async close(): Promise<void> {
    for (const { name, close } of this.open.splice(0)) {
      this.current = name;
      await close();
    }
  }
}

/** Starts everything in order. Whatever was opened is in `closables`, even if a later step fails. */
async function start(config: Config, closables: Closables, stopping: AbortSignal): Promise<Instance> {
  const log = makeLogger(config.logLevel);
  const instance = await openInstance(config, {
    ...listener(say, config),
    warn: (message) => {
      log.error(message);
    },
    note: (message) => {
      log.info(message);
    },
  });
  closables.add('PostgreSQL', () => instance.release());
  await instance.prepare(operatorOrigin());
  const { database, guard, close } = await instance.connectApplication();
  closables.add('the database connections', close);
  const logKey = openLogKey(config, say);
  const { archiveFolder } = config.auditLog;
  const sealer = new Sealer({
    database: instance.owner,
    key: logKey,
    archiveFolder,
    log,
    onRolledBack: (reason) => {
      guard.setArchiveFault(reason);
    },
  });
  sealer.start();
  closables.add('the sealer', () => sealer.stop());
  const development = config.isProduction ? [] : [openDevelopmentIssuer(config.dataDir).trusted];
  const server = await makeApp({
    database,
    trustedIssuers: [...config.trustedIssuers, ...development],
    log,
    logKey,
    archive: (organizationId) => lastArchived(archiveFolder, organizationId),
    archiveFault: archiveFaultIn(archiveFolder, database, logKey),
    sealer,
    guard,
    corsOrigins: config.corsOrigins,
    trustProxy: config.trustProxy,
    rateLimitPerMinute: config.rateLimitPerMinute,
    maxPendingActions: config.maxPendingActions,
    load: config.load,
    requestTimeout: config.requestTimeout,
    requestLog: requestLogOf(config, log),
    stopping,
    environment: config.isProduction ? 'production' : 'development',
    anonymousIntrospection: !config.isProduction,
    playground: config.playground,
  });
  closables.add('the HTTP server', () => drain(server, config.shutdown.timeout * DRAIN_SHARE));
  const address = await server.listen({ host: config.host, port: config.port });
  const playground = config.playground ? `  playground ${address}/playground` : '';
  say(
    `ready: GraphQL ${address}/graphql  REST ${address}/api/v1  docs ${address}/docs  health ${address}/health${playground}`,
  );
  return instance;
}

/** Returns the log for requests. If REQUEST_LOG requests it, requests are logged whatever the log level is. */
function requestLogOf({ requestLog }: Config, log: Logger): Logger | null {
  if (requestLog === null) return log;
  return requestLog ? log.child({}, { level: 'info' }) : null;
}

/** Stops accepting connections and waits for requests in progress. Those that exceed `longest` milliseconds are cut. */
async function drain(server: FastifyInstance, longest: number): Promise<void> {
  const timeout = setTimeout(() => {
    server.server.closeAllConnections();
  }, longest);
  await server.close();
  clearTimeout(timeout);
}

function explain(error: unknown, config: Config | undefined): string {
  if (error instanceof ConfigError) return error.message;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE' && config !== undefined)
    return `Port ${String(config.port)} of ${config.host} is already in use: set PORT to another, or stop what listens there.`;
  return explainOutage(error) ?? (error instanceof Error ? (error.stack ?? error.message) : String(error));
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(): Promise<void> {
  const closables = new Closables();
  const stopping = new AbortController();
  let config: Config | undefined;
  let isServing = false;
  const fail = (error: unknown): void => {
    process.stderr.write(`${explain(error, config)}\n`);
    process.exitCode = 1;
  };
  // Ends the process even if the start or a step of stopping hangs.
  const endLate = ({ timeout }: ShutdownTimes, delay: number): void => {
    setTimeout(() => {
      const what = closables.current ?? 'what was being started';
      process.stderr.write(
        `stopping took longer than ${String(timeout / 1_000)} s (SHUTDOWN_TIMEOUT), at: ${what}. The process exits now.\n`,
      );
      process.exit(STOPPED_LATE);
    }, delay + timeout);
  };
  const delayOf = (signal: StopSignal): number =>
    config !== undefined && isServing ? delayAfter(signal, config.shutdown, config.isProduction) : 0;
  const signal = untilSignal((signal) => {
    say('stopping');
    stopping.abort();
    if (config !== undefined) endLate(config.shutdown, delayOf(signal));
  });
  const starting = (async () => {
    config = readConfig(process.env);
    const instance = await start(config, closables, stopping.signal);
    // A signal during the start waits for it, or what is being opened would leak. Nothing was served yet.
    isServing = !stopping.signal.aborted;
    return instance;
  })();
  await starting
    .then(async (instance) => Promise.race([signal.then((name) => pause(delayOf(name))), instance.lost]))
    .catch(fail);
  await closables.close().catch(fail);
  process.exit();
}

const USAGE = `usage: npm start
Starts the gateway; environment variables such as PORT and DATA_DIR set it up (docs/configuration.md).
`;

if (asksForHelp(process.argv.slice(2))) process.stdout.write(USAGE);
else void main();
