import type { BundleAction, BundlePolicy } from './bundle';
import { parseEntry, type Entry } from './entry';
import { entryFault } from './entry-types';
import { IdSet } from './id-set';
import type { Fault, FaultKind } from './verification';
import { DecisionVerification } from './verify-decisions';
import { PolicyVerification } from './verify-policies';

/** An entry's id, place and text; the text is null if only the hash was included. */
export interface PlacedEntry {
  readonly audit_id: number;
  readonly leafIndex?: number;
  readonly canonical: string | null;
  readonly altered?: readonly string[];
}

/** The tolerance for differences between clocks and for clocks that are set back, in milliseconds. */
const CLOCK_TOLERANCE = 5 * 60_000;

/** Checks the entries, in log order and then the actions, for consistency with each other and with the policies. */
export class EntryVerification {
  private readonly seen = new IdSet();
  private readonly policies = new PolicyVerification();
  private readonly decisions = new DecisionVerification(this.policies, () => this.withoutBytes === 0);
  private withoutBytes = 0;
  private latest = -Infinity;

  /** @param exportedAt the time of the export, in milliseconds since the epoch; no entry can be later */
  constructor(
    private readonly organizationId: number,
    private readonly exportedAt: number,
    private readonly report: (fault: Fault) => void,
  ) {}

  /** The number of entries without their bytes. */
  get missing(): number {
    return this.withoutBytes;
  }

  /** The number of policy versions. */
  get policyCount(): number {
    return this.policies.count;
  }

  /** The number of pending actions without any entry. */
  get pendingWithoutEntry(): number {
    return this.decisions.pendingWithoutEntry;
  }

  addPolicy(policy: BundlePolicy): void {
    this.policies.add(policy, this.reportAt({}));
  }

  /** Checks the next entry. @returns the entry; null if it is invalid or its bytes are missing */
  add(placed: PlacedEntry): Entry | null {
    const { audit_id: auditId, canonical, altered, leafIndex } = placed;
    const fault = this.reportAt({ auditId, ...(leafIndex !== undefined && { leafIndex }) });
    const id = String(auditId);
    if (!this.seen.add(auditId)) fault('DUPLICATE_ENTRY', `Audit entry ${id} occurs twice`);
    if (altered !== undefined)
      fault('ROW_ALTERED', `The row of audit entry ${id} differs from its bytes: ${altered.join(', ')}`);
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
      fault('INVALID_ENTRY', `Audit entry ${id} does not have the form of its type: ${invalid}`);
      if (entry.actor_kind === 'policy')
        fault('APPROVED_WITHOUT_POLICY', `Audit entry ${id} is of a form that a policy never writes`);
      return null;
    }
    this.checkTime(entry, fault);
    this.checkContent(entry, fault);
    return entry;
  }

  /** Checks an action's record against its entries. */
  checkAction(action: BundleAction): void {
    this.decisions.checkAction(action, this.reportAt({ actionId: action.id }));
  }

  /** Reports what is missing. Call after the last action. */
  finish(): void {
    this.decisions.finish(this.report);
    if (this.withoutBytes === 0) this.policies.finish(this.reportAt({}));
  }

  private checkContent(entry: Entry, fault: (kind: FaultKind, detail: string) => void): void {
    const isWhole = this.withoutBytes === 0;
    if (entry.action_type === 'policy_changed' && isWhole) this.policies.replay(entry, fault);
    const { action_type: type, policy_version: version } = entry;
    // A denial record that counts attempts names no version.
    if (type === 'decision_refused' && version !== null && isWhole && !this.policies.isKnownBy(version))
      fault(
        'POLICY_NOT_IN_FORCE',
        `Entry ${String(entry.audit_id)} names policy version ${String(version)}, which did not exist yet`,
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
        `Audit entry ${String(id)} has the time ${timestamp}, but earlier entries have later times`,
      );
    if (time > this.exportedAt + CLOCK_TOLERANCE) {
      fault('POST_DATED', `Audit entry ${String(id)} has the time ${timestamp}, after the export`);
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
