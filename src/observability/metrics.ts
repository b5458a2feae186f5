import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What is read from the database when metrics are collected. */
export interface Watched {
  /** Audit entries that are not sealed yet. */
  readonly backlog: { readonly entries: number; readonly lagSeconds: number };
  /** Actions that wait for a decision. */
  readonly queue: { readonly pending: number; readonly oldestSeconds: number };
}

/** The labels of a request. Each has few values, so `route` is the route's template, never a path. */
export interface RequestLabels {
  readonly method: string;
  readonly route: string;
  readonly status: number;
}

interface RollbackStatus {
  readonly refusal: string | null;
  readonly reservationFailure: string | null;
}

/** The metrics of the process, served at /metrics in the format of Prometheus. */
export class Metrics {
  readonly registry = new Registry();
  private readonly registers = [this.registry];

  private readonly requests = new Counter({
    name: 'countersign_http_requests_total',
    help: 'Requests by method, route template and status; 499 if the client disconnected before the response.',
    labelNames: ['method', 'route', 'status'],
    registers: this.registers,
  });

  private readonly durations = new Histogram({
    name: 'countersign_http_request_duration_seconds',
    help: 'Duration of requests, from their headers to the end of the response.',
    labelNames: ['method', 'route'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: this.registers,
  });

  private readonly decisions = new Counter({
    name: 'countersign_decisions_total',
    help: 'Decisions that took effect, by verdict and by who made them: reviewer or policy.',
    labelNames: ['verdict', 'decided_by'],
    registers: this.registers,
  });

  private readonly authenticationFailures = new Counter({
    name: 'countersign_authentication_failures_total',
    help: 'Credentials that were presented and refused, by reason.',
    labelNames: ['reason'],
    registers: this.registers,
  });

  private readonly throttled = new Counter({
    name: 'countersign_refusals_not_recorded_total',
    help: 'Denied attempts that were not recorded in the audit log, because the same attempt had just been recorded.',
    registers: this.registers,
  });

  private readonly decisionBatches = new Histogram({
    name: 'countersign_decision_batch_size',
    help: 'Number of single decisions that one statement wrote together.',
    buckets: [1, 2, 4, 8, 16, 32, 64],
    registers: this.registers,
  });

  private readonly clockOffset = new Gauge({
    name: 'countersign_clock_offset_seconds',
    help: "How far this gateway's clock is ahead of the database's; negative where it is behind.",
    registers: this.registers,
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    for (const verdict of ['approve', 'reject']) this.decisions.inc({ verdict, decided_by: 'reviewer' }, 0);
    this.decisions.inc({ verdict: 'approve', decided_by: 'policy' }, 0);
  }

  /** Adds gauges for seal failures, a refused database, and a failure to reserve ids. */
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
        '1 if the database is refused because it was rolled back, otherwise 0.',
        'refusal',
      ],
      [
        'countersign_id_reservation_failed',
        '1 if no further ids can be reserved, otherwise 0.',
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

  /**
   * Adds gauges for the approval queue and the sealing backlog. Both are read once per scrape, and all gauges show the
   * same reading. While the database is unavailable, the gauges keep their last values.
   * @param read reads both
   * @param sealed returns how many audit entries this process has sealed
   */
  watch(read: () => Promise<Watched>, sealed: () => number): void {
    const { registers } = this;
    let inFlight: Promise<Watched | null> | null = null;
    // The gauges of a scrape are collected concurrently, so they share one reading.
    const reading = (): Promise<Watched | null> =>
      (inFlight ??= read()
        .catch(() => null)
        .finally(() => (inFlight = null)));
    const gauge = (name: string, help: string, valueOf: (watched: Watched) => number): void => {
      new Gauge({
        name,
        help,
        registers,
        async collect() {
          const watched = await reading();
          if (watched !== null) this.set(valueOf(watched));
        },
      });
    };
    gauge(
      'countersign_audit_lag_seconds',
      'Age of the oldest audit entry that is not sealed yet.',
      ({ backlog }) => backlog.lagSeconds,
    );
    gauge(
      'countersign_audit_backlog',
      'Audit entries that are not sealed yet, counted up to 100,000.',
      ({ backlog }) => backlog.entries,
    );
    gauge(
      'countersign_queue_pending_actions',
      'Actions that wait for a decision, counted up to 10,000.',
      ({ queue }) => queue.pending,
    );
    gauge(
      'countersign_queue_oldest_seconds',
      'Age of the oldest action that waits for a decision.',
      ({ queue }) => queue.oldestSeconds,
    );
    new Gauge({
      name: 'countersign_audit_sealed',
      help: 'Audit entries that this process has sealed.',
      registers,
      collect() {
        this.set(sealed());
      },
    });
  }

  /** Counts a request that was answered or whose client hung up, and records its duration. */
  observeRequest({ method, route, status }: RequestLabels, seconds: number): void {
    this.requests.inc({ method, route, status });
    this.durations.observe({ method, route }, seconds);
  }

  /** Counts decisions that took effect. */
  countDecisions(verdict: 'approve' | 'reject', decidedBy: 'reviewer' | 'policy', count: number): void {
    this.decisions.inc({ verdict, decided_by: decidedBy }, count);
  }

  /** Counts a refused credential. @param count 0 makes the reason appear before it occurs */
  countAuthenticationFailure(reason: string, count = 1): void {
    this.authenticationFailures.inc({ reason }, count);
  }

  /** Counts denied attempts that the throttle kept out of the audit log (docs/audit-log.md#denied-attempts). */
  countThrottledRefusals(count: number): void {
    this.throttled.inc(count);
  }

  /** Records how many single decisions one statement made together. */
  observeDecisionBatch(size: number): void {
    this.decisionBatches.observe(size);
  }

  /** Records how far the gateway's clock is ahead of the database's, in seconds. */
  setClockOffset(seconds: number): void {
    this.clockOffset.set(seconds);
  }
}
