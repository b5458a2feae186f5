import type { FastifyInstance } from 'fastify';
import { makeApp } from './app';
import { archiveFaultIn, lastArchived } from './audit/checkpoint-archive';
import { openLogKey } from './audit/log-key';

import { Sealer } from './audit/sealer';
import { ConfigError, readConfig, type Config } from './config';
import { openDevelopmentIssuer } from './http/development-issuer';
import { makeLogger } from './observability/logger';
import { operatorOrigin } from './operator';
import { explainOutage } from './persistence/database';
import { openInstance, type Instance } from './persistence/instance';

/** How long requests under way may take once the process is told to stop, in milliseconds. */
const DRAIN_TIMEOUT = 10_000;

/** What was opened, to be closed in the opposite order. */
class Closables {
  private readonly open: (() => Promise<unknown>)[] = [];

  add(close: () => Promise<unknown>): void {
    this.open.unshift(close);
  }

  async close(): Promise<void> {
    for (const close of this.open.splice(0)) await close();
  }
}

/** Starts everything, in order; whatever was opened is in `closables` even if a later step fails. */
async function start(config: Config, closables: Closables): Promise<Instance> {
  const log = makeLogger(config.logLevel);
  const instance = await openInstance(config, say, (message) => {
    log.error(message);
  });
  closables.add(() => instance.release());
  await instance.prepare(operatorOrigin());
  const { database, guard, close } = await instance.connectApplication();
  closables.add(close);
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
  closables.add(() => sealer.stop());
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
    load: config.load,
    requestTimeout: config.requestTimeout,
    environment: config.isProduction ? 'production' : 'development',
    anonymousIntrospection: !config.isProduction,
    playground: config.playground,
  });
  closables.add(() => drain(server));
  const address = await server.listen({ host: config.host, port: config.port });
  const playground = config.playground ? `  playground ${address}/playground` : '';
  say(`ready: GraphQL ${address}/graphql  REST ${address}/api/v1  health ${address}/health${playground}`);
  return instance;
}

/** Lets the requests under way end, and no longer than that. */
async function drain(server: FastifyInstance): Promise<void> {
  const timeout = setTimeout(() => {
    server.server.closeAllConnections();
  }, DRAIN_TIMEOUT);
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
  let config: Config | undefined;
  const fail = (error: unknown): void => {
    process.stderr.write(`${explain(error, config)}\n`);
    process.exitCode = 1;
  };
  const starting = (async () => {
    config = readConfig(process.env);
    return start(config, closables);
  })();
  // A signal during the start waits for it, or what it is opening would be left behind; a second one does not wait.
  const stopped = new Promise<void>((resolve) => {
    let isStopping = false;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
      process.on(signal, () => {
        if (isStopping) process.exit(1);
        isStopping = true;
        say('stopping');
        resolve();
      });
  });
  await starting.then((instance) => Promise.race([stopped, instance.lost])).catch(fail);
  await closables.close().catch(fail);
  process.exit();
}

void main();
