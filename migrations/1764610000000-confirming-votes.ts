import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A reviewer has a second vote where the approvals that there are meet a lowered quorum: it decides. */
export class ConfirmingVotes1764610000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
ALTER TABLE votes ADD COLUMN is_second boolean NOT NULL DEFAULT false,
  DROP CONSTRAINT votes_pkey,
  ADD PRIMARY KEY (organization_id, action_id, user_id, is_second);
`);
  }

  // Votes are evidence: those that confirm cannot be told from the others without the column.
  down(): Promise<void> {
    return Promise.reject(new Error('This migration is not reversible; restore a backup instead'));
  }
}
