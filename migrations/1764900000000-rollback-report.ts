import type { MigrationInterface, QueryRunner } from 'typeorm';

/** One row per generation in which a process found that this database lacks what was written. Every process reads it. */
export class RollbackReport1764900000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE rollback_report (
  generation bigint PRIMARY KEY CHECK (generation >= 0),
  reported_at timestamptz(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp())
);
`);
  }

  // Without the reports, a gateway could serve a database that another one refuses.
  down(): Promise<void> {
    return Promise.reject(new Error('This migration is not reversible; restore a backup instead'));
  }
}
