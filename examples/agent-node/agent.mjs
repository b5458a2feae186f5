// An agent that asks before it acts: it submits an action, waits for a person, and continues only if they approve.
// COUNTERSIGN_API_KEY holds an API key with the scopes actions:submit and actions:read; COUNTERSIGN_URL names the gateway.
import { CountersignClient, isCountersignError } from '@countersign/client';

const {
  COUNTERSIGN_URL: url = 'http://127.0.0.1:4000',
  COUNTERSIGN_API_KEY: apiKey,
  TIMEOUT = '3600',
} = process.env;
const client = new CountersignClient({ url, apiKey });

try {
  // The client sends one idempotency key in all its attempts: the action is submitted once, even if an answer is lost.
  const { actionId, reason } = await client.actions.submit({
    agentId: 'invoice-agent',
    actionType: 'database_write',
    description: 'Correct the address on invoice 42',
    targetSystem: 'billing-db',
    parameters: { invoice: 42 },
  });
  console.log(`submitted ${actionId}: ${reason}`);

  const action = await client.actions.wait(actionId, { timeout: Number(TIMEOUT) * 1000 });
  if (action.status === 'APPROVED') {
    console.log(`approved ${actionId}: correcting invoice 42`);
  } else {
    console.error(`${action.status.toLowerCase()} ${actionId}: ${action.reason ?? 'no reason given'}`);
    process.exitCode = 1;
  }
} catch (error) {
  if (!isCountersignError(error)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}
