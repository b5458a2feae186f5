import type { Role } from '../../domain/role';
import type { Database } from '../sql/database';
import type { Sql } from '../sql/sql';
import type { Provisioning } from './provisioning.store';
import { statement } from '../sql/statement';

/** [id, name, role, own approval level, own risk limit, active] */
type DemoUser = readonly [number, string, Role, number | null, number | null, boolean];

const ACME = 1;
const GLOBEX = 2;

/** The people of docs/getting-started.md#demo-data. */
const USERS: Readonly<Record<number, readonly DemoUser[]>> = {
  [ACME]: [
    [1, 'Ada Admin', 'admin', null, null, true],
    [2, 'Sam Security', 'security_manager', null, null, true],
    [3, 'Max Manager', 'manager', null, null, true],
    [42, 'Sue Senior', 'manager', 2, null, true],
    [4, 'Ann Analyst', 'user', null, null, true],
    [5, 'Lea Limited', 'manager', null, 30, true],
    [6, 'Gus Gone', 'manager', null, null, false],
    // A second admin, who can decide what user 1's API keys submit.
    [7, 'Cleo CISO', 'admin', null, null, true],
  ],
  [GLOBEX]: [
    [101, 'Gina Admin', 'admin', null, null, true],
    [142, 'Mark Manager', 'manager', null, null, true],
    [104, 'Uma User', 'user', null, null, true],
  ],
};

/** [organization, action id, risk score, submitter] */
const ACTIONS: readonly (readonly [number, number, number, number])[] = [
  [ACME, 12345, 35, 4],
  [ACME, 12346, 62, 4],
  [ACME, 12347, 45, 4],
  [ACME, 12348, 20, 4],
  [ACME, 12349, 69, 4],
  [ACME, 12350, 72, 4],
  [ACME, 12351, 90, 4],
  [ACME, 12352, 39.5, 4],
  [ACME, 12353, 10, 42],
  [GLOBEX, 22345, 35, 104],
  [GLOBEX, 22346, 75, 104],
];

/** Scores of actions 12300 to 12344, in rotation: all risk levels and their boundaries. */
const SPREAD = [5, 39, 40, 55, 69, 70, 84, 85, 100];

/** Kinds of actions that the demo's agents submit, in rotation. */
const KINDS: readonly (readonly [string, string, string, string])[] = [
  ['database_write', 'sql', 'billing-db', 'Correct the invoices of one customer'],
  ['send_email', 'smtp', 'newsletter', 'Send the monthly newsletter'],
  ['file_delete', 'fs', 'archive', 'Delete reports older than seven years'],
  ['deploy', 'ci', 'production', 'Roll out a new version'],
];

/**
 * Adds the organizations, people and pending actions of docs/getting-started.md#demo-data, if there is no organization
 * yet.
 * @returns whether it did
 */
export async function addDemoData(owner: Database, provisioning: Provisioning): Promise<boolean> {
  return owner.transaction(async (sql) => {
    await sql.query(
      { name: 'lock_organizations', text: 'LOCK TABLE organizations IN SHARE ROW EXCLUSIVE MODE' },
      [],
    );
    const existing = await sql.query(
      { name: 'any_organization', text: 'SELECT 1 FROM organizations LIMIT 1' },
      [],
    );
    if (existing.length > 0) return false;
    await fillWithDemoData(sql, provisioning);
    return true;
  });
}

/** Fills an empty database with the organizations, people and pending actions of docs/getting-started.md#demo-data. */
export async function fillWithDemoData(sql: Sql, provisioning: Provisioning): Promise<void> {
  await provisioning.addOrganizationIn(sql, { id: ACME, name: 'Acme', policy: {} });
  await provisioning.addOrganizationIn(sql, {
    id: GLOBEX,
    name: 'Globex',
    policy: { approvalLevels: false, managerMaxRiskScore: 69 },
  });
  for (const [organization, users] of Object.entries(USERS))
    for (const [id, name, role, approvalLevel, maxRiskScore, active] of users) {
      const organizationId = Number(organization);
      const user = { organizationId, id, name, role, approvalLevel, maxRiskScore, active };
      await provisioning.addUserIn(sql, user);
    }
  await addActions(sql);
  await sql.query(MOVE_SEQUENCES, []);
}

async function addActions(sql: Sql): Promise<void> {
  const spread = Array.from(
    { length: 45 },
    (_, n) => [ACME, 12300 + n, SPREAD[n % SPREAD.length] ?? 0, 4] as const,
  );
  for (const [organization, id, riskScore, submitter] of [...spread, ...ACTIONS]) {
    const [actionType, tool, target, description] = KINDS[id % KINDS.length] ?? [];
    await sql.query(INSERT_ACTION, [
      organization,
      id,
      actionType,
      tool,
      target,
      description,
      riskScore,
      submitter,
    ]);
  }
}

const INSERT_ACTION = statement({
  name: 'insert_demo_action',
  text: `INSERT INTO actions (organization_id, id, agent_id, agent_name, action_type, tool_name, target_system, description,
      risk_score, submitted_by)
    VALUES ($1, $2, 'demo-agent', 'Demo agent', $3, $4, $5, $6, $7, $8)`,
});

const MOVE_SEQUENCES = statement({
  name: 'move_sequences',
  text: `SELECT setval(pg_get_serial_sequence('organizations', 'id'), (SELECT max(id) FROM organizations)),
    setval('user_id_seq', (SELECT max(id) FROM users)), setval('action_id_seq', (SELECT max(id) FROM actions))`,
});
