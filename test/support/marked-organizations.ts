import { OWN_MARK } from './draw';
import type { Answer, Gateway, RequestOptions } from './gateway';
import { addPeople } from './people';
import { sealingOf } from './sealed-log';

/** Whose something is; a caller without a credential belongs to none. */
export type Organization = 1 | 2;

/** In every text of an organization, which no other one may see. Both contain `zqx`, so that a search finds both. */
const MARKS: Readonly<Record<Organization, string>> = { 1: 'zqxacme', 2: 'zqxglobex' };
/** In every text of an organization, from its creation or by its origin: addresses, and the names of its audit log. */
const TRACES: Readonly<Record<Organization, readonly RegExp[]>> = {
  1: [/zqxacme/i, /\b4611686[1]\d{5}\b/, /203\.0\.113\.1\b/, /organizations\/1\b/],
  2: [/zqxglobex/i, /\b4611686[2]\d{5}\b/, /203\.0\.113\.2\b/, /organizations\/2\b/],
};
/** Where the ids of an organization's rows begin: nobody sends such an id, so that no answer repeats one. */
const firstId = (organization: Organization) => 4_611_686_000_000 + organization * 100_000;
/** Where the ids of later rows begin. */
const LATER_ID = 50_000;
const SEQUENCES = ['user_id_seq', 'api_key_id_seq', 'action_id_seq', 'audit_log_id_seq'];

/** A caller's text, with their own organization's mark where it has a place for one. */
export const inWordsOf = (organization: Organization | null, text: string): string =>
  text.replaceAll(OWN_MARK, organization === null ? 'nobody' : MARKS[organization]);

/** What an answer shows of organizations other than the caller's own, its cursors included; null for nothing. */
export function foreignIn({ text, headers }: Answer, own: Organization | null): string | null {
  const shown = [text, ...[...headers].map(([, value]) => value), ...cursorsIn(text)].join('\n');
  const foreign = ([1, 2] as const).filter((organization) => organization !== own);
  for (const trace of foreign.flatMap((organization) => TRACES[organization])) {
    const found = trace.exec(shown);
    if (found !== null) return found[0];
  }
  return null;
}

/** The cursors in an answer, read. */
function cursorsIn(text: string): string[] {
  return [...text.matchAll(/"(WyJ[\w-]+)"/g)].map(([, cursor = '']) =>
    Buffer.from(cursor, 'base64url').toString(),
  );
}

/** Fills both organizations with distinguishable rows; returns cursors of the lists of both. */
export async function plantMarks(gateway: Gateway): Promise<string[]> {
  const cursors = [...(await plant(gateway, 1)), ...(await plant(gateway, 2))];
  await idsFrom(gateway, LATER_ID);
  const sealing = sealingOf(gateway.database);
  await sealing.seal();
  sealing.close();
  return cursors;
}

async function idsFrom({ database }: Gateway, first: number): Promise<void> {
  for (const sequence of SEQUENCES)
    await database.sql(`ALTER SEQUENCE ${sequence} RESTART WITH ${String(first)}`);
}

/** Fills one organization through the API, as its people and programs would; returns cursors of its lists. */
async function plant(gateway: Gateway, organization: Organization): Promise<string[]> {
  const mark = MARKS[organization];
  await idsFrom(gateway, firstId(organization));
  await markDemoData(gateway, organization);
  const people: number[] = [];
  // An admin who creates a key decides nothing that it submits.
  for (const role of ['admin', 'security_manager', 'manager', 'user', 'admin'])
    people.push(...(await addPeople(gateway, [`${mark} ${role}`], { role, organization })));
  const [admin = 0, security = 0, manager = 0, user = 0, keyMaker = 0] = people;
  const headers = {
    'user-agent': `${mark}/1.0`,
    'x-correlation-id': `${mark}-correlation`,
    'x-forwarded-for': `203.0.113.${String(organization)}`,
  };
  const reason = `${mark} reason`;
  const ask = async (
    caller: RequestOptions,
    query: string,
    variables: Record<string, unknown> = {},
  ): Promise<any> => {
    const { text, body } = await gateway.graphql(query, { headers, variables, ...caller });
    const [data] = Object.values<any>(body.data ?? {});
    if (!isRecorded(query) && (data === null || data === undefined)) throw new Error(`Not planted: ${text}`);
    return data;
  };
  const { key: apiKey } = await ask({ user: keyMaker }, CREATE_KEY, { name: `${mark} key`, owner: user });
  const { version } = await ask({ user: admin }, '{ approvalPolicy { version } }');
  const patch = { quorum: { critical: 2 }, scoringRules: [{ actionType: `${mark}*`, score: 20 }] };
  await ask({ user: admin }, CHANGE_POLICY, { version, patch, reason });
  const submit = async (riskScore: number): Promise<unknown> => {
    const names = [
      'agentId',
      'agentName',
      'actionType',
      'description',
      'toolName',
      'targetSystem',
      'targetResource',
    ];
    const texts = Object.fromEntries(names.map((name) => [name, mark]));
    const objects = Object.fromEntries(
      ['parameters', 'context', 'riskIndicators'].map((name) => [name, { [mark]: mark }]),
    );
    const variables = { input: { ...texts, ...objects, riskScore }, key: `${mark} ${String(riskScore)}` };
    return (await ask({ apiKey }, SUBMIT, variables)).actionId;
  };
  const [low, medium, high, critical] = [
    await submit(10),
    await submit(50),
    await submit(75),
    await submit(90),
  ];
  await ask({ user: manager }, APPROVE, { id: low, reason });
  await ask({ user: security }, REJECT, { id: medium, reason });
  await ask({ user: admin }, APPROVE, { id: critical, reason });
  await ask({ user: admin }, SET_USER, { user, reason });
  for (const [by, id] of [
    [user, high],
    [security, low],
  ])
    await ask({ user: by as number }, `${APPROVE} ${RECORDED}`, { id, reason });
  return Promise.all(
    ['actions', 'users', 'auditLogs', 'apiKeys'].map(
      async (list) =>
        (await ask({ user: admin }, `{ ${list}(first: 1) { pageInfo { endCursor } } }`)).pageInfo.endCursor,
    ),
  );
}

/** Marks the rows that were there before; only the audit log stays unchanged. */
async function markDemoData({ database }: Gateway, organization: Organization): Promise<void> {
  const marked = (column: string) => `${column} = $2 || ${column}`;
  const values = [organization, `${MARKS[organization]} `];
  await database.sql(`UPDATE users SET ${marked('name')} WHERE organization_id = $1`, values);
  const columns = ['agent_id', 'description', 'target_system'].map(marked).join(', ');
  await database.sql(`UPDATE actions SET ${columns} WHERE organization_id = $1`, values);
}

const CREATE_KEY = `mutation ($name: String!, $owner: ID!) {
  createApiKey(name: $name, ownerId: $owner, scopes: ["actions:submit", "actions:read", "actions:score"]) { key } }`;
const CHANGE_POLICY = `mutation ($version: Int!, $patch: ApprovalPolicyPatch!, $reason: String!) {
  changeApprovalPolicy(expectedVersion: $version, patch: $patch, reason: $reason) { version } }`;
const SUBMIT = `mutation ($input: SubmitActionInput!, $key: String) {
  submitAction(input: $input, idempotencyKey: $key) { actionId } }`;
const APPROVE =
  'mutation ($id: ID!, $reason: String) { approveAction(actionId: $id, reason: $reason) { status } }';
const REJECT = APPROVE.replace('approve', 'reject');
const SET_USER = `mutation ($user: ID!, $reason: String) {
  setUser(userId: $user, patch: { approvalLevel: 1 }, reason: $reason) { id } }`;
/** Marks an attempt that is refused, for the denial record that it leaves. */
const RECORDED = '# refused';
const isRecorded = (query: string) => query.endsWith(RECORDED);
