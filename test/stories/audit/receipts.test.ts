import { openReceipt } from '../../../src/domain/receipt';
import { APIS, type Api } from '../../support/apis';
import { startGateway, type Answer, type Gateway } from '../../support/gateway';
import { testLogKey } from '../../support/sealed-log';

/** A receipt is signed where it is asked for with the decision, of that decision's own facts (docs/audit-log.md#receipts). */
let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const newAction = async (): Promise<number> => (await gateway.addActions([20]))[0] ?? 0;
const opened = (note: string) => openReceipt(note, testLogKey().keys);

function approve(id: number, { query = '', ...headers }: Record<string, string> = {}): Promise<Answer> {
  return gateway.rest('POST', `/api/v1/actions/${String(id)}/approve${query}`, { user: 42, headers });
}

/** Approves actions in a bulk, asking for the receipt; the answer's receipt in REST's words. */
async function bulkReceipt(api: Api, ids: readonly number[], key: string | null = null) {
  if (api === 'rest') {
    const headers = key === null ? {} : { 'idempotency-key': key };
    const request = { user: 42, body: { action_ids: ids }, headers };
    return (await gateway.rest('POST', '/api/v1/actions/bulk-approve?receipt=true', request)).body
      .audit_receipt;
  }
  const query = `mutation ($ids: [ID!]!, $key: String) { bulk: bulkApproveActions(actionIds: $ids, idempotencyKey: $key) {
    receipt { auditIds signature } results { decision { receipt { signature } } } } }`;
  const { body } = await gateway.graphql(query, { user: 42, variables: { ids, key } });
  const { receipt, results } = body.data.bulk;
  for (const { decision } of results) if (decision) expect(decision.receipt).toBeNull();
  return receipt === null
    ? undefined
    : { audit_ids: receipt.auditIds.map(Number), signature: receipt.signature };
}

/** The entries of these actions' decisions, by id. */
async function entriesOf(ids: readonly number[]) {
  const rows = await gateway.database.sql<{ auditId: number; leafHash: Buffer }>(
    `SELECT id AS "auditId", leaf_hash AS "leafHash" FROM audit_log
     WHERE action_id = ANY($1) AND action_type = 'action_approved' ORDER BY id`,
    [ids],
  );
  return rows;
}

describe('a reviewer over REST', () => {
  it('who asks for no receipt gets none, and no signature is made', async () => {
    for (const headers of [{}, { prefer: 'return=minimal' }, { query: '?receipt=false' }])
      expect(Object.keys((await approve(await newAction(), headers)).body)).toEqual([
        'action_id',
        'status',
        'approved_by',
        'approved_at',
        'correlation_id',
      ]);
  });

  it.each([
    ['?receipt=true', { query: '?receipt=true' }],
    ['?receipt=1', { query: '?receipt=1' }],
    ['Prefer: return=receipt', { prefer: 'return=receipt' }],
    ['Prefer among others', { prefer: 'respond-async, wait=10 , Return="receipt"; x=1' }],
    ['Prefer, although the query says false', { query: '?receipt=false', prefer: 'return=receipt' }],
  ])('who asks by %s gets one of the entry that was just written', async (_how, headers) => {
    const id = await newAction();
    const { body } = await approve(id, headers);
    const [entry] = await entriesOf([id]);
    expect(opened(body.audit_receipt.signature)?.entries).toEqual([entry]);
    expect(body.audit_receipt).toMatchObject({
      audit_id: entry?.auditId,
      leaf_hash: entry?.leafHash.toString('base64'),
    });
  });

  it.each(['return=receipts', 'receipt', 'x-return=receipt', 'return = receipt = no'])(
    'who prefers %j asks for none',
    async (prefer) => {
      expect((await approve(await newAction(), { prefer })).body.audit_receipt).toBeUndefined();
    },
  );

  it('who asks by a word that is no boolean is told so, with everything else that is wrong', async () => {
    const { status, body } = await gateway.rest('POST', '/api/v1/actions/12345/approve?receipt=please', {
      user: 42,
      body: { reason: 7 },
    });
    expect([status, body.errors.map(({ loc }: { loc: unknown }) => loc)]).toEqual([
      422,
      [
        ['query', 'receipt'],
        ['body', 'reason'],
      ],
    ]);
  });
});

describe.each(APIS)('a reviewer over %s', (api) => {
  it('gets one receipt for all decisions of a bulk, of those that were made', async () => {
    const [one = 0, two = 0, done = 0] = await gateway.addActions([20, 20, 20]);
    await approve(done);
    const receipt = await bulkReceipt(api, [two, one, done]);
    const entries = await entriesOf([one, two]);
    expect(receipt.audit_ids).toEqual(entries.map(({ auditId }) => auditId));
    expect(opened(receipt.signature)?.entries).toEqual(entries);
  });

  it('gets none of a bulk that decided nothing', async () => {
    const done = await newAction();
    await approve(done);
    expect(await bulkReceipt(api, [done])).toBeUndefined();
  });

  it('gets none with a replay: what is stored could have been altered', async () => {
    const [single, ...many] = await gateway.addActions([20, 20, 20]);
    const key = `of ${api}`;
    const decide = async () => {
      if (api === 'rest')
        return (await approve(single ?? 0, { query: '?receipt=true', 'idempotency-key': key })).body;
      const query = `mutation ($id: ID!, $key: String) { approveAction(actionId: $id, idempotencyKey: $key) {
        correlationId receipt { signature } } }`;
      const { body } = await gateway.graphql(query, { user: 42, variables: { id: single, key } });
      const { correlationId: correlation_id, receipt } = body.data.approveAction;
      return { correlation_id, ...(receipt && { audit_receipt: receipt }) };
    };
    const first = await decide();
    expect(opened(first.audit_receipt.signature)).not.toBeNull();
    const again = await decide();
    expect(again.audit_receipt).toBeUndefined();
    expect(again.correlation_id).toBe(first.correlation_id);

    expect(await bulkReceipt(api, many, `${key}, many`)).toBeDefined();
    expect(await bulkReceipt(api, many, `${key}, many`)).toBeUndefined();
  });
});
