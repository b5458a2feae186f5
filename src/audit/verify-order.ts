import type { BundleRecord } from './bundle';
import type { Fault } from './verification';

/** The position of each kind of record; leaves and checkpoints are mixed. */
const PLACES: Readonly<Record<BundleRecord['type'], number>> = {
  header: 0,
  policy: 1,
  leaf: 2,
  checkpoint: 2,
  unsealed: 3,
  action: 4,
  end: 5,
};

/** Checks the order of a bundle's records: by kind, and by id for those without an index. */
export class OrderVerification {
  private place = 0;
  private last = 0;

  constructor(private readonly report: (fault: Fault) => void) {}

  /** Checks the next record after the header. */
  add(record: BundleRecord): void {
    const place = PLACES[record.type];
    if (place < this.place || (record.type === 'end' && this.place === place))
      this.fault(`A record of type ${record.type} is out of order`);
    if (place !== this.place) [this.place, this.last] = [place, 0];
    const id = record.type === 'unsealed' ? record.audit_id : record.type === 'action' ? record.id : null;
    if (id === null) return;
    if (id <= this.last)
      this.fault(
        `A record of type ${record.type} with id ${String(id)} comes after one with id ${String(this.last)}`,
      );
    this.last = id;
  }

  private fault(detail: string): void {
    this.report({ kind: 'OUT_OF_ORDER', detail });
  }
}
