import type { Tenant } from '../domain/principal';
import { RefusedError } from '../domain/refusal';
import { exportOf } from '../persistence/connections/admission';
import { BundleReads } from '../persistence/audit/bundle.reads';
import type { Database } from '../persistence/sql/database';
import { TreeReads, type StoredCheckpoint } from '../persistence/audit/tree.reads';
import { bundleRecords, type LeafRange } from './bundle-records';
import type { LogKey } from './log-key';
import { consistencyProof, inclusionProof, type ConsistencyProof, type InclusionProof } from './proofs';
import type { VerificationReport } from './verification';
import { Slots } from './slots';
import { verifyBundle, type Progress } from './verify-bundle';

/** Returns an organization's newest checkpoint in the archive outside of the database; null where there is none. */
export type CheckpointSource = (organizationId: number) => string | null;

/** Returns what is wrong with an organization's checkpoint archive; null for nothing. */
export type ArchiveFault = (organizationId: number) => Promise<string | null>;

const LIMITS = { perOrganization: 1, inProcess: 2 };
/** The maximum duration of a verification, in milliseconds. */
const MAX_TIME = 1_800_000;
/**
 * The maximum duration without progress reports, in milliseconds, since silent connections are closed (http/server.ts).
 */
const MAX_SILENT_TIME = 100_000;

/** Checkpoints, proofs and verification of the sealed log. */
export class AuditProofs {
  private readonly tree: TreeReads;
  private readonly slots = new Slots('verifications', LIMITS);

  constructor(
    private readonly database: Database,
    private readonly key: LogKey,
    private readonly clock: () => Date,
    private readonly archive: CheckpointSource | null,
    private readonly archiveFault: ArchiveFault = () => Promise.resolve(null),
    private readonly maxMs = MAX_TIME,
  ) {
    this.tree = new TreeReads(database);
  }

  /** Returns the origin of an organization's log. */
  originOf(organizationId: number): string {
    return this.key.originOf(organizationId);
  }

  /** Returns the newest checkpoint; null before the first. */
  latestCheckpoint(tenant: Tenant): Promise<StoredCheckpoint | null> {
    return this.tree.latestCheckpoint(tenant);
  }

  /** Returns `inclusionProof` with the entry's canonical bytes, from which the leaf hash can be computed. */
  async inclusion(tenant: Tenant, auditId: number): Promise<(InclusionProof & { canonical: string }) | null> {
    const proof = await inclusionProof(this.tree, tenant, auditId);
    const canonical = proof && (await this.tree.canonicalOf(tenant, auditId));
    return proof === null || canonical === null ? null : { ...proof, canonical: canonical.toString('utf8') };
  }

  /** Returns `consistencyProof`. @throws {RefusedError} as that does */
  consistency(tenant: Tenant, fromSize: number, toSize: number): Promise<ConsistencyProof> {
    return consistencyProof(this.tree, tenant, fromSize, toSize);
  }

  /**
   * Verifies an organization's log as the offline verifier does, in one snapshot, and compares it with the archive.
   * @throws {RefusedError} SERVICE_UNAVAILABLE if too many verifications run, or this one takes too long
   */
  async verify(tenant: Tenant, range: LeafRange, progress?: Progress): Promise<VerificationReport> {
    const release = this.slots.take(tenant.organizationId);
    const maxMs = progress === undefined ? Math.min(this.maxMs, MAX_SILENT_TIME) : this.maxMs;
    const endsAt = performance.now() + maxMs;
    try {
      // Read before the snapshot is taken, so that the snapshot holds this checkpoint.
      const note = this.archive?.(tenant.organizationId) ?? null;
      const checkpoints = note === null ? [] : [{ note, source: 'the archive' }];
      const records = this.database.snapshot(
        (sql) =>
          bundleRecords(tenant, new BundleReads(sql), new TreeReads(sql), this.key, this.clock(), range),
        exportOf(tenant),
      );
      const input = { trustedKeys: this.key.keys, checkpoints, receipts: [] };
      const report = await verifyBundle(until(endsAt, records), input, progress);
      const detail = await this.archiveFault(tenant.organizationId);
      if (detail === null) return report;
      const fault = { kind: 'ARCHIVE_DIFFERS', detail } as const;
      progress?.({ entries: report.entries, of: report.treeSize, fault });
      return { ...report, faults: [...report.faults, fault], faultCount: report.faultCount + 1 };
    } finally {
      release();
    }
  }
}

async function* until<T>(endsAt: number, records: AsyncIterable<T>): AsyncIterable<T> {
  for await (const record of records) {
    if (performance.now() > endsAt)
      throw new RefusedError({
        code: 'SERVICE_UNAVAILABLE',
        detail:
          'The verification took too long; verify a range of leaves, follow its progress at GET /api/admin/audit-logs/verify, or verify an export with the offline verifier',
      });
    yield record;
  }
}
