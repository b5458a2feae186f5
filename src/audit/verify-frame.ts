import { noteKeyText, type NoteKey } from '../domain/signed-note';
import type { BundleEnd, BundleHeader } from './bundle';
import { isTime } from './time';
import type { Fault, Gap } from './verification';

/** How many records of each kind a bundle holds. */
export interface Counts {
  policies: number;
  leaves: number;
  checkpoints: number;
  unsealed: number;
  actions: number;
}

/** What of a bundle could not be proven. */
interface Unproven {
  /** Unsealed entries that no kept checkpoint covers. */
  readonly entries: number;
  /** How many of those entries have a receipt. */
  readonly withReceipt: number;
  /** Entries that are included by their hash only. */
  readonly missing: number;
  readonly policies: number;
  readonly pendingWithoutEntry: number;
  /** Whether a trusted key signed any checkpoint. */
  readonly isSigned: boolean;
}

/** Returns what is wrong with a bundle's header. */
export function headerFaults(header: BundleHeader): readonly string[] {
  const { origin, organization_id: id, exported_at: at, from, to, tree_size: size } = header;
  const faults: string[] = [];
  if (!origin.endsWith(`/organizations/${String(id)}`))
    faults.push(`Organization ${String(id)} is not that of ${origin}`);
  if (!isTime(at)) faults.push(`The time of the export is not a time: ${at.slice(0, 100)}`);
  if (from > to || to > size)
    faults.push(`A tree of ${String(size)} leaves has no leaves from ${String(from)} to ${String(to)}`);
  return faults;
}

/** Returns how a bundle's records differ from what its end and its header say. */
export function endFaults(
  header: BundleHeader,
  end: BundleEnd | null,
  counts: Counts,
  signedBy: ReadonlySet<string>,
): readonly Fault[] {
  const faults: Fault[] = [];
  const isComplete =
    end !== null &&
    Object.entries(counts).every(
      ([kind, count]) => (end as unknown as Record<string, unknown>)[kind] === count,
    );
  if (!isComplete)
    faults.push({
      kind: 'INCOMPLETE_BUNDLE',
      detail: 'The bundle does not hold as many records as its last record says',
    });
  if (counts.leaves !== header.tree_size)
    faults.push({
      kind: 'INCOMPLETE_BUNDLE',
      detail: `The header says ${String(header.tree_size)} leaves, but the bundle holds ${String(counts.leaves)}`,
    });
  for (const key of signedBy)
    if (!header.keys.includes(key))
      faults.push({
        kind: 'HEADER_DIFFERS',
        detail: `A checkpoint is signed by a key that the header does not name: ${key}`,
      });
  return faults;
}

/** Returns what was not proven, by requirement, and what a reader should know beside it. */
export function gapsOf(
  header: BundleHeader,
  trustedKeys: readonly NoteKey[],
  { entries, withReceipt, missing, policies, pendingWithoutEntry, isSigned }: Unproven,
): { readonly gaps: readonly Gap[]; readonly remarks: readonly string[] } {
  const gaps: Gap[] = [];
  const gap = (requirement: Gap['requirement'], detail: string): void => {
    gaps.push({ requirement, detail });
  };
  if (missing > 0)
    gap(
      'whole',
      `${String(missing)} entries are included by their hash only: their content, and what follows from it, was not checked`,
    );
  if (policies === 0) gap('whole', 'No policy is included: no decision was checked against one');
  if (entries > 0)
    gap(
      'sealed',
      `${String(entries)} entries were not sealed yet, ${String(withReceipt)} of them with a receipt: only their form was checked`,
    );
  if (trustedKeys.length === 0)
    gap('anchored', 'No key was given: the keys that the bundle names were trusted');
  else if (!isSigned) gap('anchored', 'No checkpoint by a key that you trust is included');
  const remarks: string[] = [];
  if (pendingWithoutEntry > 0)
    remarks.push(`${String(pendingWithoutEntry)} pending actions have no entry: nothing proves them`);
  const isForeign = (key: string): boolean =>
    trustedKeys.length > 0 && !trustedKeys.some((known) => noteKeyText(known) === key);
  for (const key of header.keys.filter(isForeign))
    remarks.push(`The bundle names a key that you did not give: ${key}`);
  return { gaps, remarks };
}
