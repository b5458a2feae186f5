import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What an agent says of the situation when it submits an action. */
export class Submission1764180000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
ALTER TABLE actions
  ADD COLUMN context jsonb CHECK (jsonb_typeof(context) = 'object'),
  ADD COLUMN risk_indicators jsonb CHECK (jsonb_typeof(risk_indicators) IN ('object', 'array'));
`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE actions DROP COLUMN context, DROP COLUMN risk_indicators');
  }
}
