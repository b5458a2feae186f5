import { collectDefaultMetrics, Counter, Registry } from 'prom-client';

/** What the process counts, in Prometheus' format at /metrics. */
export class Metrics {
  readonly registry = new Registry();

  private readonly throttled = new Counter({
    name: 'countersign_refusals_not_recorded_total',
    help: 'Refused tries to decide that were not written to the audit log, since the same one had just been.',
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /** Counts refusals that the throttle kept out of the audit log (contract 2.12). */
  countThrottledRefusals(count: number): void {
    this.throttled.inc(count);
  }
}
