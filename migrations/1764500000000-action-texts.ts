import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What a text search finds actions by: their texts, each action's in one row that is written once. A text index on the
 * actions themselves would cost every decision, since a decision moves its action in all indexes.
 */
export class ActionTexts1764500000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE action_texts (
  organization_id bigint NOT NULL,
  action_id bigint NOT NULL,
  text text NOT NULL,
  PRIMARY KEY (organization_id, action_id)
);

-- With the rights of its owner: the application reads the texts, and writes them by submitting alone.
CREATE FUNCTION add_action_texts() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO action_texts (organization_id, action_id, text)
  SELECT organization_id, id, ${TEXT} FROM added;
  RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION add_action_texts() FROM PUBLIC;
DO $$ BEGIN
  EXECUTE format('ALTER FUNCTION add_action_texts() SET search_path = %I, pg_temp', current_schema());
END $$;
CREATE TRIGGER actions_add_texts AFTER INSERT ON actions
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION add_action_texts();

INSERT INTO action_texts (organization_id, action_id, text) SELECT organization_id, id, ${TEXT} FROM actions;
`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
DROP TRIGGER actions_add_texts ON actions;
DROP FUNCTION add_action_texts();
DROP TABLE action_texts;
`);
  }
}

const TEXT = `concat_ws(E'\\n', action_type, description, agent_id, agent_name, tool_name, target_system, target_resource)`;
