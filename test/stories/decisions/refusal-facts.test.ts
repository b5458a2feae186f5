import { askBulk } from '../../support/bulk';
import { VERDICTS } from '../../support/apis';
import { startGateway, type Answer, type Gateway, type RequestOptions } from '../../support/gateway';
import { AN_API_KEY, AT, makeRefusals, DENIED_ATTEMPTS } from '../../support/denied-attempts';
import { OF_GLOBEX, SECURITY, SENIOR, UNKNOWN } from '../../support/situations';

/** Every refusal of a decision names what was required and what was held: the same over each API, before and after. */
let gateway: Gateway;

const ELIGIBILITY =
  'allowed code detail requiredLevel heldLevel riskLimit reasonRequired bulkAllowed approvalsMissing';
const CORRELATION_ID = expect.stringMatching(/^action_\d{8}_\d{6}_[0-9a-f]{16}$/) as string;
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string;
const NO_FACTS = {
  currentStatus: null,
  decidedBy: null,
  decidedAt: null,
  requiredLevel: null,
  heldLevel: null,
  riskScore: null,
  riskLimit: null,
  heldRole: null,
  requiredRoles: null,
  submittedBy: null,
  riskLevel: null,
  approvalsReceived: null,
  approvalsRequired: null,
};

beforeAll(async () => {
  gateway = await startGateway();
  await makeRefusals(gateway);
});
afterAll(() => gateway.close());

describe.each(VERDICTS)('to %s an action', (verdict) => {
  describe.each(DENIED_ATTEMPTS)('$title is refused: $code', (refused) => {
    const { code, status, by, make, detail, context, extensions, weighed, isOfRequest, isOfBulk } = refused;
    let id: number;
    let who: RequestOptions;
    /** When the action was decided, in the words of either API. */
    let at: { rest: string | null; graphql: string | null };

    beforeAll(async () => {
      id = await make(gateway);
      who = by === AN_API_KEY ? { apiKey: await gateway.apiKey({ owner: SENIOR }) } : { user: by };
      const [row] = await gateway.database.sql<{ at: Date | null }>(
        'SELECT decided_at AS at FROM actions WHERE id = $1',
        [id],
      );
      const graphql = row?.at?.toISOString() ?? null;
      at = { graphql, rest: graphql && graphql.replace(/\.\d{3}Z$/, 'Z') };
    });

    const facts = (of: typeof context, time: string | null) =>
      Object.fromEntries(Object.entries(of ?? {}).map(([name, fact]) => [name, fact === AT ? time : fact]));
    const inRest = () => (context === undefined ? {} : { context: facts(context, at.rest) });
    const inGraphql = () => facts(extensions, at.graphql);

    /**
     * Sends the request as if nothing had been refused this minute, and compares the one entry that it leaves with the
     * levels.
     */
    async function ask(request: () => Promise<Answer>, entryOf: number | null = id): Promise<Answer> {
      await gateway.database.sql('TRUNCATE refusal_throttle, refusal_windows');
      const [last] = await gateway.database.sql<{ id: number }>('SELECT max(id) AS id FROM audit_log');
      const answer = await request();
      const entries = await gateway.database.sql(
        `SELECT verdict, action_id, refusal_code, required_level, held_level FROM audit_log
         WHERE id > $1 AND action_type = 'decision_refused'`,
        [last?.id],
      );
      const [required_level, held_level] = isOfRequest ? [null, null] : weighed;
      const levels = { required_level, held_level };
      expect(entries).toEqual([{ verdict, action_id: entryOf, refusal_code: code, ...levels }]);
      return answer;
    }
    const bulk = (api: 'rest' | 'graphql') => (): Promise<Answer> =>
      askBulk(gateway, api, verdict, [id], who);

    function expectRestError({ status: http, body }: Answer): void {
      expect(http).toBe(status);
      const error = { detail: detail(id, verdict), error_code: code, status };
      expect(body).toEqual({ ...error, correlation_id: CORRELATION_ID, timestamp: TIME, ...inRest() });
    }
    function expectGraphqlError({ status: http, body }: Answer): void {
      expect([http, body.data, body.errors.length]).toEqual([200, null, 1]);
      const [{ message, extensions: told }] = body.errors;
      expect(message).toBe(detail(id, verdict));
      expect(told).toEqual({ code, status, correlationId: CORRELATION_ID, ...inGraphql() });
    }

    if (isOfBulk !== true) {
      it('over REST, with what was required and what was held', async () => {
        const path = `/api/v1/actions/${String(id)}/${verdict}`;
        expectRestError(await ask(() => gateway.rest('POST', path, who)));
      });

      it('over GraphQL, with the same', async () => {
        const query = `mutation ($id: ID!) { ${verdict}Action(actionId: $id) { status } }`;
        expectGraphqlError(await ask(() => gateway.graphql(query, { ...who, variables: { id } })));
      });
    }

    if (isOfRequest === true) {
      it('in a bulk over REST, as a whole', async () => {
        expectRestError(await ask(bulk('rest'), null));
      });
      it('in a bulk over GraphQL, as a whole', async () => {
        expectGraphqlError(await ask(bulk('graphql'), null));
      });
    } else {
      it('in a bulk over REST, with the same for the item', async () => {
        const { status: http, body } = await ask(bulk('rest'));
        expect([http, body.requested, body.succeeded, body.failed]).toEqual([200, 1, 0, 1]);
        const item = { action_id: id, error_code: code, detail: detail(id, verdict), status, ...inRest() };
        expect(body.results).toEqual([item]);
      });
      it('in a bulk over GraphQL, with the same for the item', async () => {
        const { body } = await ask(bulk('graphql'));
        const refusal = { code, status, detail: detail(id, verdict), ...NO_FACTS, ...inGraphql() };
        expect(body.data.bulk.results).toEqual([{ actionId: String(id), decision: null, refusal }]);
      });
    }

    it('and can read beforehand what is required and what is held', async () => {
      const told = verdict === 'approve' ? 'viewerCanApprove' : 'viewerCanReject';
      const query = `query ($id: ID!) { action(id: $id) { ${told} { ${ELIGIBILITY} } } }`;
      const { body } = await gateway.graphql(query, { ...who, variables: { id } });
      const [requiredLevel, heldLevel, riskLimit] = weighed;
      expect(body.data.action[told]).toEqual({
        ...{ allowed: false, code, detail: detail(id, verdict) },
        ...{ requiredLevel, heldLevel, riskLimit },
        ...{ reasonRequired: false, bulkAllowed: true, approvalsMissing: refused.missing },
        ...refused.beforehand,
      });
    });
  });

  it.each([UNKNOWN, OF_GLOBEX])(
    'ACTION_NOT_FOUND for %d, of any organization: no fact, no entry',
    async (id) => {
      const who = { user: SECURITY };
      const denialRecords = () =>
        gateway.database.sql(`SELECT count(*) FROM audit_log WHERE action_type = 'decision_refused'`);
      const before = await denialRecords();
      const status = 404;
      const error = { code: 'ACTION_NOT_FOUND', status };
      const detail = `Action ${String(id)} not found`;

      const path = `/api/v1/actions/${String(id)}/${verdict}`;
      const { body: rest } = await gateway.rest('POST', path, who);
      const item = { detail, error_code: error.code, status };
      expect(rest).toEqual({ ...item, correlation_id: CORRELATION_ID, timestamp: TIME });

      const query = `mutation ($id: ID!) { ${verdict}Action(actionId: $id) { status } }`;
      const { body: graphql } = await gateway.graphql(query, { ...who, variables: { id } });
      expect(graphql.errors).toMatchObject([{ message: detail }]);
      expect(graphql.errors[0].extensions).toEqual({ ...error, correlationId: CORRELATION_ID });

      const inRest = await askBulk(gateway, 'rest', verdict, [id], who);
      expect(inRest.body.results).toEqual([{ action_id: id, ...item }]);
      const inGraphql = await askBulk(gateway, 'graphql', verdict, [id], who);
      const refusal = { ...error, detail, ...NO_FACTS };
      expect(inGraphql.body.data.bulk.results).toEqual([{ actionId: String(id), decision: null, refusal }]);

      const beforehand = 'query ($id: ID!) { action(id: $id) { viewerCanApprove { code } } }';
      const { body: told } = await gateway.graphql(beforehand, { ...who, variables: { id } });
      expect(told).toEqual({ data: { action: null } });
      expect(await denialRecords()).toEqual(before);
    },
  );
});
