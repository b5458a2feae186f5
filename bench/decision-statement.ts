import type { QueryResultRow } from 'pg';
import { newCorrelationId } from '../src/domain/correlation';
import { mayDecide } from '../src/domain/approval-policy';
import type { Reviewer } from '../src/domain/principal';
import { ActionReads } from '../src/persistence/actions/actions.reads';
import { writeAuditEntries } from '../src/persistence/audit/audit-entries';
import { Database } from '../src/persistence/sql/database';
import type { Statement } from '../src/persistence/sql/sql';
import { decide } from '../src/persistence/decisions/decide';
import { PrincipalReads } from '../src/persistence/people/principals.reads';
import { batchOf } from '../src/use-cases/decisions/decision-batch';
import { noAuditEntries } from './no-audit-entries';
import { ISSUER } from './people';
import type { World } from './world';

/** The gateway's own decision statement, with the values of each call. */
export interface DecisionCalls {
  readonly statement: Statement;
  readonly calls: readonly (readonly unknown[])[];
}

/** Carries a captured statement and its values. */
class Captured extends Error {
  constructor(
    readonly statement: Statement,
    readonly values: readonly unknown[],
  ) {
    super('captured');
  }
}

/** Captures each statement instead of running it, so that the benchmark keeps no copy that could become outdated. */
class CapturingDatabase extends Database {
  override query<Row extends QueryResultRow>(
    statement: Statement,
    values: readonly unknown[],
  ): Promise<Row[]> {
    return Promise.reject(new Captured(statement, values));
  }
}

/** Returns what the gateway would run to approve each of these actions separately, by the world's reviewers in turn. */
export async function decisionCalls(world: World, actionIds: readonly number[]): Promise<DecisionCalls> {
  const capturing = new CapturingDatabase({
    url: world.applicationUrl,
    poolSize: 1,
    tls: false,
    preparedStatements: true,
  });
  const reviewers = await readReviewers(world);
  const actions = await new ActionReads(world.database).byIds(
    { organizationId: world.organizationId },
    actionIds,
  );
  const attempt = { verdict: 'approve', isBulk: false, hasReason: true } as const;
  const captured = await Promise.all(
    actions.map(async (action, index) => {
      const reviewer = reviewers[index % reviewers.length];
      if (reviewer === undefined) throw new Error('There are no reviewers');
      const batch = batchOf({
        reviewer,
        attempt,
        mode: 'best_effort',
        reason: 'Reviewed and approved',
        origin: {
          correlationId: newCorrelationId(new Date()),
          clientCorrelationId: null,
          ipAddress: '127.0.0.1',
          userAgent: 'benchmark',
        },
        items: [
          {
            actionId: action.id,
            action,
            ruling: mayDecide(reviewer, action, attempt, reviewer.policy),
            hasVoted: false,
          },
        ],
        actions: NO_ACTIONS,
        idempotencyKey: null,
      });
      return decide(capturing, [batch], 'wait').then(notCaptured, onlyCaptured);
    }),
  );
  const [first] = captured;
  if (first === undefined || captured.length !== actionIds.length)
    throw new Error('There are no such actions');
  return { statement: first.statement, calls: captured.map(({ values }) => [...values, ...UNFENCED]) };
}

/** Never called: the actions are already loaded and authorized. */
const NO_ACTIONS = {
  load: notCaptured,
  votedOn: notCaptured,
  forget: notCaptured,
  prime: notCaptured,
};

function notCaptured(): never {
  throw new Error('A decision did something else than its one statement');
}

function onlyCaptured(error: unknown): Captured {
  if (error instanceof Captured) return error;
  throw error;
}

async function readReviewers(world: World): Promise<readonly Reviewer[]> {
  const principals = new PrincipalReads(world.database);
  return Promise.all(
    world.reviewers.map(async ({ subject }) => {
      const reviewer = await principals.reviewerByIdentity(ISSUER, subject);
      return reviewer ?? notCaptured();
    }),
  );
}

/**
 * Returns the same decisions without audit: no entry, no row in the sealer's queue, and no entries in the values.
 * Everything else stays: authority lock, authority checks, row locks, vote and the change of the action.
 */
export function withoutAudit({ statement, calls }: DecisionCalls): DecisionCalls {
  return {
    statement: {
      name: 'decide_without_audit',
      text: replaceOnce(statement.text, AUDIT_ENTRIES, noAuditEntries(RECORDS, FENCE)),
    },
    calls: calls.map((values) => [...values.slice(0, 3), '', ...UNFENCED]),
  };
}

/** The parameter for the audit entries, the last one of the statement itself. */
const RECORDS = '$4';
/** The parameters after it: the limit of reserved ids, and the server that was compared. */
const FENCE = '$5, $6';
const UNFENCED = [null, null];

/** The statement's CTEs that write the audit entries. */
const AUDIT_ENTRIES = writeAuditEntries(RECORDS, FENCE);

/** The head of each organization's hash chain: the row that every writer of a chained log has to lock. */
export const CHAIN_HEAD_TABLE = 'benchmark_chain_head';

/**
 * Returns the same decisions with a hash chain per organization instead of the sealer's queue. Each entry's hash covers
 * the previous entry, so the head of the chain is locked until the decision commits. This is the best case for a chain:
 * in the same statement, and locked only after the rest of the decision.
 */
export function withHashChain({ statement, calls }: DecisionCalls): DecisionCalls {
  const chained = [
    [
      '  written AS (',
      `  head AS MATERIALIZED (
    SELECT hash FROM ${CHAIN_HEAD_TABLE} WHERE organization_id = $1
      AND (SELECT count(*) FROM numbered) > 0 FOR UPDATE
  ),
  written AS (`,
    ],
    [`sha256(decode('00', 'hex') || canonical)`, 'sha256(head.hash || canonical)'],
    ['    RETURNING id, action_id', '      CROSS JOIN head\n    RETURNING id, action_id'],
    [
      'INSERT INTO audit_pending (organization_id, audit_id) SELECT $1, id FROM written',
      `UPDATE ${CHAIN_HEAD_TABLE} SET hash = written.leaf_hash FROM written WHERE organization_id = $1`,
    ],
  ].reduce((text, [from = '', to = '']) => replaceOnce(text, from, to), AUDIT_ENTRIES);
  return {
    statement: { name: 'decide_chained', text: replaceOnce(statement.text, AUDIT_ENTRIES, chained) },
    calls,
  };
}

/** Replaces a text that has to occur exactly once, so that a changed statement is an error and not a measurement. */
function replaceOnce(text: string, from: string, to: string): string {
  const parts = text.split(from);
  if (parts.length !== 2) throw new Error(`The decision's statement no longer has this once: ${from}`);
  return parts.join(to);
}
