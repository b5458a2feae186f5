import Fastify from 'fastify';
import { Pool, types } from 'pg';
import type { Action } from '../src/domain/action';
import { ACTIONS } from '../src/persistence/actions/action.table';

types.setTypeParser(types.builtins.INT8, Number);

const STATUS = {
  name: 'status_floor',
  text: `SELECT ${ACTIONS.select('t')} FROM actions t WHERE t.organization_id = $1 AND t.id = $2`,
};

/**
 * The floor of a status poll: a bare Fastify route that runs the same SELECT by primary key and responds with the same
 * keys, without credentials or a schema.
 */
async function main(): Promise<void> {
  const [, , url, organizationId, poolSize] = process.argv;
  const pool = new Pool({ connectionString: url, max: Number(poolSize) });
  const server = Fastify();
  server.get<{ Params: { id: string } }>('/api/v1/actions/:id/status', async ({ params }, reply) => {
    const { rows } = await pool.query<Action>({
      ...STATUS,
      values: [Number(organizationId), Number(params.id)],
    });
    const [action] = rows;
    if (action === undefined) return reply.code(404).send({});
    return {
      action_id: action.id,
      status: action.status,
      risk_score: action.riskScore,
      timestamp: action.updatedAt,
      decision_ready: action.status !== 'pending_approval',
      decision: action.status,
      reason: action.reason,
      correlation_id: action.correlationId,
    };
  });
  process.stdout.write(`ready: ${await server.listen({ host: '127.0.0.1', port: 0 })}\n`);
}

void main();
