import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Two foreign keys keep organizations from being distributed over several nodes. A log-in is searched on every node
 * before its organization is known, so it may not lead to a user, who is on one of them. An organization and its policies
 * refer to each other, so one of both is checked at the commit.
 */
export class OrganizationsApart1765000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE user_identities DROP CONSTRAINT user_identities_organization_id_user_id_fkey',
    );
    await runner.query(
      'ALTER TABLE organizations ALTER CONSTRAINT organizations_current_policy DEFERRABLE INITIALLY DEFERRED',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE organizations ALTER CONSTRAINT organizations_current_policy NOT DEFERRABLE',
    );
    await runner.query(
      'ALTER TABLE user_identities ADD FOREIGN KEY (organization_id, user_id) REFERENCES users',
    );
  }
}
