import type { BundleAction, BundlePolicy } from './bundle';
import { entryFault, parseEntry, type Entry } from './entry';
import { IdSet } from './id-set';
import type { Fault, FaultKind } from './verification';
import { DecisionVerification } from './verify-decisions';
import { PolicyVerification } from './verify-policies';

/** Where an entry stands, and its text; null where only its hash came. */
export interface PlacedEntry {
  readonly audit_id: number;
  readonly leafIndex?: number;
  readonly canonical: string | null;
  readonly altered?: readonly string[];
}

/** How far clocks may be apart, and be set back, in milliseconds. */
const CLOCK_TOLERANCE = 5 * 60_000;

/** Holds the entries against themselves, the policies and the actions. Takes them in the order of the log, then actions. */
export class EntryVerification {
  private readonly seen = new IdSet();
  private readonly policies = new PolicyVerification();
  private readonly decisions = new DecisionVerification(this.policies, () => this.withoutBytes === 0);
  private withoutBytes = 0;
  private latest = -Infinity;

  /** @param exportedAt no entry can be of later */
  constructor(
    private readonly organizationId: number,
    private readonly exportedAt: number,
    private readonly report: (fault: Fault) => void,
  ) {}

  /** How many entries came without their bytes. */
  get missing(): number {
    return this.withoutBytes;
  }

  /** How many policy versions came. */
  get policyCount(): number {
    return this.policies.count;
  }

  /** How many pending actions no entry tells of. */
  get pendingWithoutEntry(): number {
    return this.decisions.pendingWithoutEntry;
  }

  addPolicy(policy: BundlePolicy): void {
    this.policies.add(policy, this.reportAt({}));
  }

  /** @returns the entry; null where there is none to go by */
  add(placed: PlacedEntry): Entry | null {
    const { audit_id: auditId, canonical, altered, leafIndex } = placed;
    const fault = this.reportAt({ auditId, ...(leafIndex !== undefined && { leafIndex }) });
    const id = String(auditId);
    if (!this.seen.add(auditId)) fault('DUPLICATE_ENTRY', `Audit entry ${id} is there twice`);
    if (altered !== undefined)
      fault(
        'ROW_ALTERED',
        `The row of audit entry ${id} does not say what its bytes say: ${altered.join(', ')}`,
      );
    if (canonical === null) {
      this.withoutBytes += 1;
      return null;
    }
    const entry = parseEntry(canonical);
    if (entry === null) {
      fault('NOT_CANONICAL', `The bytes of audit entry ${id} are not in canonical form`);
      return null;
    }
    if (entry.audit_id !== auditId)
      fault('WRONG_ENTRY', `The bytes of audit entry ${id} are those of ${String(entry.audit_id)}`);
    if (entry.organization_id !== this.organizationId) {
      fault('OTHER_ORGANIZATION', `Audit entry ${id} is of organization ${String(entry.organization_id)}`);
      return null;
    }
    const invalid = entryFault(entry);
    if (invalid !== null) {
      fault('INVALID_ENTRY', `Audit entry ${id} is not as its type has it: ${invalid}`);
      if (entry.actor_kind === 'policy')
        fault('APPROVED_WITHOUT_POLICY', `Audit entry ${id} is nothing that a policy does`);
      return null;
    }
    this.checkTime(entry, fault);
    this.checkContent(entry, fault);
    return entry;
  }

  /** Holds an action's record against what was audited of it. */
  checkAction(action: BundleAction): void {
    this.decisions.checkAction(action, this.reportAt({ actionId: action.id }));
  }

  /** Call after the last action. */
  finish(): void {
    this.decisions.finish(this.report);
    if (this.withoutBytes === 0) this.policies.finish(this.reportAt({}));
  }

  private checkContent(entry: Entry, fault: (kind: FaultKind, detail: string) => void): void {
    const isWhole = this.withoutBytes === 0;
    if (entry.action_type === 'policy_changed' && isWhole) this.policies.replay(entry, fault);
    const { action_type: type, policy_version: version } = entry;
    // A count of denied attempts names no version.
    if (type === 'decision_refused' && version !== null && isWhole && !this.policies.isKnownBy(version))
      fault(
        'POLICY_NOT_IN_FORCE',
        `Entry ${String(entry.audit_id)} names policy version ${String(version)}, which was not there yet`,
      );
    this.decisions.add(entry, fault);
  }

  private checkTime(
    { timestamp, audit_id: id }: Entry,
    fault: (kind: FaultKind, detail: string) => void,
  ): void {
    const time = Date.parse(timestamp);
    if (time < this.latest - CLOCK_TOLERANCE)
      fault(
        'BACK_DATED',
        `Audit entry ${String(id)} claims to be of ${timestamp}, and later ones come before it`,
      );
    if (time > this.exportedAt + CLOCK_TOLERANCE) {
      fault('POST_DATED', `Audit entry ${String(id)} claims to be of ${timestamp}, after the export`);
      return;
    }
    this.latest = Math.max(this.latest, time);
  }

  private reportAt(at: Omit<Fault, 'kind' | 'detail'>): (kind: FaultKind, detail: string) => void {
    return (kind, detail) => {
      this.report({ kind, detail, ...at });
    };
  }
}
