import { chmodSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Closables } from '../bench/closables';
import { openDevelopmentIssuer, developmentSubject } from '../src/http/development-issuer';
import { operatorOrigin } from '../src/operator';
import { Database } from '../src/persistence/sql/database';
import { freePort } from '../src/persistence/embedded/postmaster';
import { Provisioning } from '../src/persistence/install/provisioning.store';
import { seedActions } from '../src/persistence/install/seed';
import type { RunSql } from './checks';
import { SupervisedGateway } from './gateway';
import { Ledger } from './ledger';
import { makeDisk, type Disk } from './disks';
import { Link } from './link';
import { Load } from './load';
import { PostgresServer, type PostgresPrograms } from './postgres-server';
import type { Random } from './random';
import type { Cast } from './requests';

/** Two gateways with one database, each behind its own links, and clients that send to both. */
export interface World {
  readonly folder: string;
  readonly random: Random;
  readonly programs: PostgresPrograms;
  /** The server of the database; a different one after a failover. */
  server: PostgresServer;
  readonly gateways: readonly [SupervisedGateway, SupervisedGateway];
  /** The folder of the servers' data. */
  readonly dataFolder: string;
  /** The disk of the servers' data. */
  readonly dataDisk: Disk;
  /** The disks of the gateways' archives. */
  readonly archiveDisks: readonly Disk[];
  /** Whether an accepted rollback lost data that clients had responses for. */
  hasLost: boolean;
  /** Returns a new number at each call. */
  serial(): number;
  /** The links between each gateway and the database: for the application's connections, and for the sealer's. */
  readonly links: readonly { readonly application: Link; readonly owner: Link }[];
  readonly ledger: Ledger;
  readonly load: Load;
  readonly cast: Cast;
  /** Runs SQL as the superuser, not through a link. */
  readonly sql: RunSql;
  /** Returns whether any action was decided; without decisions the checks mean little. */
  hasDecided(): Promise<boolean>;
  /** Adds pending actions where clients have too few left to decide. */
  restock(): Promise<void>;
  /** Returns the folder of a gateway's checkpoints. */
  archiveOf(gateway: SupervisedGateway): string;
}

const CLIENTS = 8;
/** The sizes of the disks, in MB. */
const DATA_DISK = 1_500;
const ARCHIVE_DISK = 24;
/** How many pending actions a restock adds, once fewer than half as many are left. */
const STOCK = 20_000;
/** The demo users who send requests. */
const USERS = [1, 2, 4, 42];
/** How many actions several clients decide at once. */
const CONTESTED = 40;

/**
 * Creates a world. `closables` receives everything that it starts or writes.
 * @param isKept whether its folder stays after the run
 */
export async function makeWorld(
  programs: PostgresPrograms,
  random: Random,
  closables: Closables,
  isKept: boolean,
): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-chaos-'));
  // As root, PostgreSQL runs as another user, who needs access to the folder.
  chmodSync(folder, 0o755);
  if (!isKept) closables.add(() => rm(folder, { recursive: true, force: true }));
  const dataFolder = join(folder, 'servers');
  const dataDisk = makeDisk(dataFolder, DATA_DISK, closables);
  const archiveDisks = ['a', 'b'].map((name) =>
    makeDisk(join(folder, `archive-${name}`), ARCHIVE_DISK, closables),
  );
  const server = await PostgresServer.create(programs, join(dataFolder, 'data'));
  const links: { application: Link; owner: Link }[] = [];
  for (let gateway = 0; gateway < 2; gateway += 1)
    links.push({ application: await Link.to(server.port), owner: await Link.to(server.port) });
  const ledger = new Ledger();
  const gateways = [await makeGateway('a'), await makeGateway('b')] as const;
  const stock: number[] = [];
  const contested: number[] = [];
  const issuer = openDevelopmentIssuer(join(folder, 'gateway'));
  const tokens = new Map<number, string>();
  let [count, serial, apiKey] = [0, 0, ''];
  const cast: Cast = {
    random,
    token: (user) => {
      const token = tokens.get(user) ?? issuer.sign(developmentSubject(user), 86_400);
      tokens.set(user, token);
      return token;
    },
    get apiKey() {
      return apiKey;
    },
    // When none is left, contested actions are used, whose decisions are refused.
    fresh: (wanted) => (stock.length < wanted ? contested.slice(0, wanted) : stock.splice(-wanted)),
    contested: () => {
      // Some stay for a while after their decision, so that late requests are refused.
      if (contested.length > 1 && random.chance(0.1)) contested.splice(0, 1);
      while (contested.length < CONTESTED && stock.length > 0) contested.push(...stock.splice(-1));
      return random.pick(contested);
    },
    nextId: () => `chaos-${String((count += 1))}`,
  };
  const world: World = {
    folder,
    random,
    programs,
    server,
    dataFolder,
    dataDisk,
    archiveDisks,
    hasLost: false,
    serial: () => (serial += 1),
    gateways,
    links,
    ledger,
    cast,
    load: new Load({ urls: () => gateways.map(({ url }) => url), ledger, cast, clients: CLIENTS }),
    sql: (text, values) => world.server.queryPatiently(text, values),
    hasDecided: async () => {
      const [row] = await world.sql<{ decided: number }>(
        `SELECT count(*)::integer AS decided FROM audit_log WHERE action_type IN ('action_approved', 'action_denied')`,
      );
      return (row?.decided ?? 0) > 0;
    },
    restock: async () => {
      if (stock.length > STOCK / 2) return;
      const added = await withOwner(world.server, (owner) => seedActions(owner, 1, STOCK));
      if (added === null) throw new Error('Nobody is there to submit actions');
      for (let id = added.first; id <= added.last; id += 1) stock.push(id);
    },
    archiveOf: ({ name }) => join(folder, `archive-${name}`),
  };
  closables.add(async () => {
    void world.load.stop();
    // Frozen processes would not end, and links hold the gateways' connections.
    await world.server.freeze(false);
    await Promise.all(gateways.map((gateway) => gateway.stop('SIGKILL')));
    await Promise.all(links.flatMap(({ application, owner }) => [application.close(), owner.close()]));
    await world.server.stop();
  });
  gateways.forEach((gateway) => {
    gateway.start();
  });
  for (const gateway of gateways)
    if ((await gateway.untilReady()) === null)
      throw new Error(`Gateway ${gateway.name} does not start: see ${folder}`);
  apiKey = await withOwner(server, async (owner) => {
    const provisioning = new Provisioning(owner, operatorOrigin());
    for (const user of USERS)
      await provisioning.ensureIdentity(user, {
        issuer: issuer.trusted.issuer,
        subject: developmentSubject(user),
      });
    const { key } = await provisioning.addApiKey({
      organizationId: 1,
      name: 'chaos',
      ownerId: 4,
      scopes: ['actions:submit', 'actions:read', 'actions:score'],
      expiresAt: null,
    });
    return key;
  });
  await world.restock();
  return world;

  async function makeGateway(name: 'a' | 'b'): Promise<SupervisedGateway> {
    const link = links[name === 'a' ? 0 : 1];
    return new SupervisedGateway(
      name,
      await freePort(),
      {
        DATA_DIR: join(folder, 'gateway'),
        MAX_PENDING_ACTIONS: 'off',
        SHUTDOWN_DELAY: '0',
        AUDIT_ARCHIVE_DIR: join(folder, `archive-${name}`),
        DATABASE_URL: server.applicationUrl(link?.application.port),
        DATABASE_OWNER_URL: server.ownerUrl(link?.owner.port),
      },
      join(folder, `gateway-${name}.log`),
    );
  }
}

/** Runs a function as the schema's owner, not through a link. */
async function withOwner<T>(server: PostgresServer, run: (owner: Database) => Promise<T>): Promise<T> {
  const owner = new Database({ url: server.ownerUrl(), poolSize: 1, tls: false, preparedStatements: false });
  await owner.connect();
  try {
    return await run(owner);
  } finally {
    await owner.close();
  }
}
