import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BundleRecord } from '../../src/audit/bundle';
import { bundleRecords, type LeafRange } from '../../src/audit/bundle-records';
import { CheckpointFiles } from '../../src/audit/checkpoint-archive';
import { LogKey, openDevelopmentLogKey } from '../../src/audit/log-key';
import type { VerificationReport } from '../../src/audit/verification';
import { verifyBundle, type VerificationInput } from '../../src/audit/verify-bundle';
import { BundleReads } from '../../src/persistence/audit/bundle.reads';
import type { Sql } from '../../src/persistence/sql/sql';
import { SealSqlStore } from '../../src/persistence/audit/seal.store';
import { TreeReads } from '../../src/persistence/audit/tree.reads';
import { sealRound } from '../../src/use-cases/seal-audit-log';
import { setting, type TestDatabase } from './database';

/** SQL for the entries on their way into the tree: those that wait for the sealer, and those that it has taken. */
export const QUEUED_OR_SEALED =
  'SELECT organization_id, audit_id FROM audit_pending UNION ALL SELECT organization_id, audit_id FROM audit_leaf';

/** The key that test gateways sign with. */
export const testLogKey = (): LogKey =>
  new LogKey('test.example', openDevelopmentLogKey(setting('TEST_DATA_DIR')));

/** Trusts what test gateways sign, and has kept no checkpoint. */
export const trusting = (): VerificationInput => ({
  trustedKeys: testLogKey().keys,
  checkpoints: [],
  receipts: [],
});

/** A sealer's steps by hand, with an archive of its own. */
export interface Sealing {
  readonly folder: string;
  /** Seals everything that waits, with the test gateways' key or another; returns how many entries that were. */
  seal(key?: LogKey): Promise<number>;
  close(): void;
}

/** Seals a test's database when it is told to. @param folder the archive; a new one by default */
export function sealingOf(
  { owner }: TestDatabase,
  folder = mkdtempSync(join(tmpdir(), 'countersign-archive-')),
): Sealing {
  return {
    folder,
    seal: async (key = testLogKey()) => {
      const session = await owner.session();
      try {
        const store = new SealSqlStore(session);
        const { tree, archives } = store;
        const isLeading = (): Promise<boolean> => Promise.resolve(true);
        const archive = new CheckpointFiles({ folder, tree, archives, keys: key.keys, isLeading });
        let sum = 0;
        for (let isMore = true; isMore;) {
          const round = await sealRound(store, archive, key);
          for (const failure of round.failures.values()) throw failure as Error;
          sum += round.sealed;
          isMore = round.isMore;
        }
        return sum;
      } finally {
        session.release();
      }
    },
    close: () => {
      rmSync(folder, { recursive: true });
    },
  };
}

/** An organization's bundle in this view of the database. */
export async function recordsIn(
  sql: Sql,
  organizationId = 1,
  range: LeafRange = {},
): Promise<BundleRecord[]> {
  const records: BundleRecord[] = [];
  for await (const record of recordsOf(sql, organizationId, range)) records.push(record);
  return records;
}

function recordsOf(
  sql: Sql,
  organizationId: number,
  range: LeafRange,
  key = testLogKey(),
): AsyncIterable<BundleRecord> {
  const reads = [new BundleReads(sql), new TreeReads(sql)] as const;
  return bundleRecords({ organizationId }, ...reads, key, new Date(), range);
}

/** The same records as everybody else's export has them: of one snapshot, whatever goes on meanwhile. */
export async function recordsInSnapshot(
  { owner }: TestDatabase,
  key = testLogKey(),
): Promise<BundleRecord[]> {
  const records: BundleRecord[] = [];
  for await (const record of owner.snapshot((sql) => recordsOf(sql, 1, {}, key))) records.push(record);
  return records;
}

/** The bundle as it would be after some SQL of an owner of the database; everything is rolled back. */
export async function recordsAfter(
  { owner }: TestDatabase,
  statements: readonly string[],
  organizationId = 1,
): Promise<BundleRecord[]> {
  return owner.transactionIf(
    async (sql) => {
      for (const text of statements) await sql.query({ name: 'tamper', text }, []);
      return recordsIn(sql, organizationId);
    },
    () => false,
  );
}

/** The verifier's report on these records. */
export function verdictOn(
  records: readonly BundleRecord[],
  input: Partial<VerificationInput> = {},
): Promise<VerificationReport> {
  async function* streamed(): AsyncIterable<BundleRecord> {
    for (const record of records) yield await Promise.resolve(record);
  }
  return verifyBundle(streamed(), { ...trusting(), ...input });
}

/** The kinds of faults, each once, in the order in which they were found. */
export const kindsOf = ({ faults }: VerificationReport): string[] => [
  ...new Set(faults.map(({ kind }) => kind)),
];
