import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What the process counts, in Prometheus' format at /metrics. */
interface RollbackStatus {
  readonly refusal: string | null;
  readonly reservationFailure: string | null;
}

export class Metrics {
  readonly registry = new Registry();

  private readonly throttled = new Counter({
    name: 'countersign_refusals_not_recorded_total',
    help: 'Refused tries to decide that were not written to the audit log, since the same one had just been.',
    registers: [this.registry],
  });

  private readonly decisionBatches = new Histogram({
    name: 'countersign_decision_batch_size',
    help: 'Single decisions that one statement made together.',
    buckets: [1, 2, 4, 8, 16, 32, 64],
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /** Watches whether the database is refused and whether ids can be reserved. */
  watchRollback(status: () => RollbackStatus | null, unsealable: () => number): void {
    new Gauge({
      name: 'countersign_audit_seal_failures',
      help: 'Organizations whose log this process cannot seal or archive.',
      registers: [this.registry],
      collect() {
        this.set(unsealable());
      },
    });
    const gauges = [
      [
        'countersign_database_refused',
        'Whether the database is refused since it was rolled back (1).',
        'refusal',
      ],
      [
        'countersign_id_reservation_failed',
        'Whether no further ids can be reserved (1).',
        'reservationFailure',
      ],
    ] as const;
    for (const [name, help, key] of gauges)
      new Gauge({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.set((status()?.[key] ?? null) === null ? 0 : 1);
        },
      });
  }

  /** Watches the audit log's queue: read anew whenever the metrics are asked for. */
  watchSealing(backlog: () => Promise<{ entries: number; lagSeconds: number }>, sealed: () => number): void {
    const registers = [this.registry];
    const lag = new Gauge({
      name: 'countersign_audit_lag_seconds',
      help: 'Age of the oldest audit entry that is not sealed yet.',
      registers,
    });
    new Gauge({
      name: 'countersign_audit_backlog',
      help: 'Audit entries that are not sealed yet, counted up to 100,000.',
      registers,
      async collect() {
        // While the database is away the last values stand: the rest is worth reading all the more then.
        const now = await backlog().catch(() => null);
        if (now === null) return;
        this.set(now.entries);
        lag.set(now.lagSeconds);
      },
    });
    new Gauge({
      name: 'countersign_audit_sealed',
      help: 'Audit entries that this process has sealed.',
      registers,
      collect() {
        this.set(sealed());
      },
    });
  }

  /** Counts refusals that the throttle kept out of the audit log (contract 2.12). */
  countThrottledRefusals(count: number): void {
    this.throttled.inc(count);
  }

  /** Counts how many single decisions went to the database together. */
  observeDecisionBatch(size: number): void {
    this.decisionBatches.observe(size);
  }
}
