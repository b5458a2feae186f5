import type { Answer, Gateway, RequestOptions } from './gateway';
import { inRestWords, type Api } from './apis';
import { sdkHeaders as headersOfSdk } from './sdk';

/** The minimal submission, as a REST body. */
export const MINIMAL = { agent_id: 'agent-7', action_type: 'database_write' };

/** What the vendor's SDK sends to have an action evaluated (docs/legacy-sdk.md#calls). */
export const SDK_BODY = {
  agent_id: 'agent-7',
  agent_name: 'Billing agent',
  action_type: 'database_write',
  resource: 'billing-db',
  resource_id: 'invoice-42',
  action_details: { amount: 12.5, rows: [1, 2], note: 'é' },
  context: { ticket: 'T-1' },
  risk_indicators: { pii: true },
  sdk_version: '2.3.0',
};

/** The headers that it sends with a request and its repetitions. */
export const sdkHeaders = (key: string, correlation: string): Record<string, string> => ({
  ...headersOfSdk(key),
  'X-Correlation-ID': correlation,
});

/** Submits over REST. */
export function submit(gateway: Gateway, body: object, request: RequestOptions): Promise<Answer> {
  return gateway.rest('POST', '/api/v1/actions/submit', { body, ...request });
}

const SUBMISSION = `actionId status riskScore riskLevel riskScoreSource policyVersion reason correlationId submittedAt expiresAt
  matchedRule { position actionType toolName targetSystem riskIndicator score }`;

/** Submits through an API, with the field names of REST; the answer in REST's words. */
export async function submitThrough(
  gateway: Gateway,
  api: Api,
  body: Readonly<Record<string, unknown>>,
  request: RequestOptions,
): Promise<Record<string, any>> {
  if (api === 'rest') return (await submit(gateway, body, request)).body;
  const input = Object.fromEntries(
    Object.entries(body).map(([name, value]) => [
      name.replace(/_[a-z]/g, (part) => part.slice(1).toUpperCase()),
      value,
    ]),
  );
  const query = `mutation ($input: SubmitActionInput!) { submitAction(input: $input) { ${SUBMISSION} } }`;
  const answer = await gateway.graphql(query, { ...request, variables: { input } });
  const [error] = answer.body.errors ?? [];
  if (error !== undefined) return { error_code: error.extensions.code, detail: error.message };
  const { matchedRule, ...rest } = answer.body.data.submitAction;
  return { ...inRestWords(rest), matched_rule: matchedRule && inRestWords(matchedRule) };
}

/** The action as it is stored. */
export async function storedAction({ database }: Gateway, id: number): Promise<Record<string, any>> {
  const [row] = await database.sql('SELECT * FROM actions WHERE id = $1', [id]);
  if (row === undefined) throw new Error(`There is no action ${String(id)}`);
  return row;
}

/** The audit entries of an action, oldest first. */
export function entriesOf({ database }: Gateway, id: number): Promise<Record<string, any>[]> {
  return database.sql('SELECT * FROM audit_log WHERE action_id = $1 ORDER BY id', [id]);
}
