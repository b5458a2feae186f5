import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A leaf is written in the statement that reads the entry which it stands for, and no entry can be deleted: a foreign key
 * finds what has just been read, at the price of a look-up and a row lock per leaf. A leaf without an entry is named by a
 * verifier, with the key or without.
 */
export class LeavesWithoutForeignKey1764400000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE audit_leaf DROP CONSTRAINT audit_leaf_organization_id_audit_id_fkey');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE audit_leaf ADD FOREIGN KEY (organization_id, audit_id) REFERENCES audit_log',
    );
  }
}
