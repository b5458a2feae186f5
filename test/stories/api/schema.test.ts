import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  buildSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputObjectType,
  type GraphQLSchema,
} from 'graphql';
import { makeSchemaForPrinting } from '../../../src/app';
import { CallerChecks } from '../../../src/api/caller-checks';
import { AuthorizeDirective } from '../../../src/graphql/authorize.directive';
import { printSchema } from '../../../src/graphql/schema';
import { startGateway } from '../../support/gateway';

/** What a client can rely on in the schema (docs/graphql-api.md), and the directive that every root field needs. */
const file = readFileSync(join(__dirname, '..', '..', '..', 'schema.graphql'), 'utf8');
const published = buildSchema(file);

describe('schema.graphql', () => {
  it('is what the code generates', () => {
    expect(printSchema(makeSchemaForPrinting())).toBe(file);
  });

  it('holds every type and field that docs/graphql-api.md promises', () => {
    const promised = {
      Query: 'viewer action actions auditLog auditLogs approvalPolicy users apiKeys',
      Mutation:
        'approveAction rejectAction bulkApproveActions bulkRejectActions changeApprovalPolicy setUser createApiKey revokeApiKey submitAction',
      ActionDecision: `actionId status verdict decidedBy decidedAt reason correlationId approvalsReceived
        approvalsRequired action auditLog`,
      BulkDecision: 'verdict mode requested succeeded failed correlationId results',
      BulkItem: 'actionId decision refusal',
      Refusal: `code status detail currentStatus decidedBy decidedAt requiredLevel heldLevel riskScore riskLimit
        requiredRoles heldRole submittedBy riskLevel approvalsReceived approvalsRequired`,
      Action: `id agentId agentName actionType description toolName targetSystem targetResource parameters status
        riskScore riskLevel requiredApprovalLevel submittedBy submittedAt decidedBy decidedAt reason correlationId
        auditLogs viewerCanApprove viewerCanReject expiresAt approvalsReceived approvalsRequired votes`,
      Vote: 'user verdict reason policyVersion votedAt',
      Eligibility: `allowed code detail requiredLevel heldLevel riskLimit reasonRequired bulkAllowed approvalsMissing
        votes`,
      ApprovalPolicy: `version approvalLevels requiredLevels roleLevels managerMaxRiskScore quorum ownActionsAllowed
        reasonRequired timeToLiveSeconds excludedFromBulk autoApproveBelow scoringRules reason changedAt changedBy
        warnings history`,
      ActionSubmission: `actionId status riskScore riskLevel riskScoreSource matchedRule policyVersion reason correlationId
        submittedAt expiresAt action`,
      PolicyWarning: 'code riskLevel detail',
      AuditLog: `id actionType actor actorKind action actionId timestamp details reason refusalCode riskScore
        requiredLevel heldLevel policyVersion ipAddress userAgent correlationId clientCorrelationId data`,
      User: 'id name role approvalLevel maxRiskScore active',
      ApiKey: 'id name prefix scopes owner createdAt expiresAt revokedAt lastUsedAt',
      CreatedApiKey: 'key apiKey',
      ActionConnection: 'edges pageInfo totalCount totalCountCapped',
      AuditLogConnection: 'edges pageInfo totalCount totalCountCapped',
      UserConnection: 'edges pageInfo totalCount totalCountCapped',
      PageInfo: 'hasNextPage hasPreviousPage startCursor endCursor',
    };
    for (const [type, fields] of Object.entries(promised))
      expect([type, fieldsOf(type)]).toEqual([type, expect.arrayContaining(fields.split(/\s+/))]);
  });

  it.each([
    ['ActionStatus', 'PENDING_APPROVAL APPROVED DENIED EXPIRED'],
    ['RiskLevel', 'LOW MEDIUM HIGH CRITICAL'],
    ['Role', 'ADMIN SECURITY_MANAGER MANAGER USER'],
    ['Verdict', 'APPROVE REJECT'],
    ['BulkMode', 'BEST_EFFORT ATOMIC'],
  ])('has the enum %s with %s and nothing else', (name, values) => {
    expect(valuesOf(name).sort()).toEqual(values.split(' ').sort());
  });

  it('has every code of the REST errors in ErrorCode', () => {
    const codes = `MISSING_AUTH INVALID_TOKEN EXPIRED_TOKEN INVALID_API_KEY EXPIRED_API_KEY REVOKED_API_KEY JWT_REQUIRED
      INSUFFICIENT_PERMISSIONS APPROVAL_LEVEL_REQUIRED RISK_LIMIT_EXCEEDED SELF_APPROVAL_FORBIDDEN ACTION_NOT_FOUND
      NOT_FOUND INVALID_STATE ALREADY_VOTED INVALID_JSON METHOD_NOT_ALLOWED PAYLOAD_TOO_LARGE UNSUPPORTED_MEDIA_TYPE
      VALIDATION_ERROR INTERNAL_ERROR SERVICE_UNAVAILABLE BULK_NOT_ALLOWED REASON_REQUIRED BULK_REFUSED NOT_ATTEMPTED
      POLICY_VERSION_CONFLICT LAST_ADMIN IDEMPOTENCY_KEY_REUSED IDEMPOTENCY_CONFLICT`;
    expect(valuesOf('ErrorCode')).toEqual(expect.arrayContaining(codes.split(/\s+/)));
  });

  it.each([
    ['Query', 'action', 'id: ID!'],
    ['Query', 'auditLog', 'id: ID!'],
    ['Mutation', 'approveAction', 'actionId: ID!, reason: String, idempotencyKey: String'],
    ['Mutation', 'rejectAction', 'actionId: ID!, reason: String'],
    [
      'Mutation',
      'bulkApproveActions',
      'actionIds: [ID!]!, mode: BulkMode!, reason: String, idempotencyKey: String',
    ],
    ['Mutation', 'bulkRejectActions', 'actionIds: [ID!]!, mode: BulkMode!, reason: String'],
    [
      'Mutation',
      'changeApprovalPolicy',
      'expectedVersion: Int!, patch: ApprovalPolicyPatch!, reason: String!',
    ],
    ['Mutation', 'setUser', 'patch: UserPatch!, userId: ID!'],
    ['Mutation', 'createApiKey', 'expiresAt: DateTime, name: String!, ownerId: ID, scopes: [String!]!'],
    ['Mutation', 'revokeApiKey', 'id: ID!, reason: String'],
    ['Mutation', 'submitAction', 'input: SubmitActionInput!, idempotencyKey: String'],
    ['Action', 'auditLogs', 'after: String, first: Int'],
    ['Query', 'actions', 'after: String, before: String, filter: ActionFilter, first: Int, last: Int'],
    ['Query', 'auditLogs', 'after: String, filter: AuditLogFilter, first: Int'],
  ])('gives %s.%s the arguments (%s)', (type, field, args) => {
    const written = fieldOf(type, field).args.map(({ name, type: of }) => `${name}: ${String(of)}`);
    expect(written).toEqual(expect.arrayContaining(args.split(', ')));
  });

  it.each([
    ['Mutation', 'approveAction', 'ActionDecision!'],
    ['Mutation', 'rejectAction', 'ActionDecision!'],
    ['Mutation', 'bulkApproveActions', 'BulkDecision!'],
    ['Mutation', 'bulkRejectActions', 'BulkDecision!'],
    ['ActionDecision', 'decidedBy', 'User!'],
    ['AuditLog', 'actor', 'User'],
    ['Action', 'status', 'ActionStatus!'],
    ['Action', 'votes', '[Vote!]!'],
    ['Vote', 'user', 'User!'],
    ['Query', 'approvalPolicy', 'ApprovalPolicy!'],
    ['Mutation', 'changeApprovalPolicy', 'ApprovalPolicy!'],
    ['Mutation', 'setUser', 'User!'],
    ['Refusal', 'code', 'ErrorCode!'],
  ])('makes %s.%s a %s', (type, field, expected) => {
    expect(String(fieldOf(type, field).type)).toBe(expected);
  });

  it('takes lists for the enum and id fields of a filter', () => {
    const listsOf = (name: string) => {
      const type = published.getType(name);
      if (!isInputObjectType(type)) throw new Error(`There is no input ${name}`);
      const fields = Object.values(type.getFields());
      return fields.filter((field) => isListType(field.type)).map((field) => field.name);
    };
    expect(listsOf('UserFilter')).toEqual(['role']);
    expect(listsOf('ApiKeyFilter')).toEqual(['ownerId']);
    expect(listsOf('ActionFilter')).toEqual(
      expect.arrayContaining(['status', 'riskLevel', 'agentId', 'actionType', 'decidedBy']),
    );
    expect(listsOf('AuditLogFilter')).toEqual(
      expect.arrayContaining(['actionType', 'actorId', 'actionId', 'correlationId']),
    );
  });
});

describe('@authorize', () => {
  const directivesOf = (field: GraphQLField<unknown, unknown>) =>
    field.astNode?.directives?.map(({ loc }) => file.slice(loc?.start, loc?.end));

  it('stands once on every root field', () => {
    for (const { field } of rootFieldsOf(published))
      expect([field.name, directivesOf(field)]).toEqual([
        field.name,
        [expect.stringMatching(/^@authorize\(/)],
      ]);
  });

  const everybody = 'roles: [ADMIN, SECURITY_MANAGER, MANAGER, USER]';
  const OPEN_TO = [
    ...[
      'viewer',
      'auditLog',
      'auditLogs',
      'approvalPolicy',
      'auditCheckpoint',
      'auditInclusionProof',
      'auditConsistencyProof',
      'auditSummary',
    ].map((field) => ['Query', field, `${everybody}, credential: JWT`]),
    ...[
      ['Query', 'users'],
      ['Query', 'apiKeys'],
      ['Mutation', 'changeApprovalPolicy'],
      ['Mutation', 'setUser'],
      ['Mutation', 'createApiKey'],
      ['Mutation', 'revokeApiKey'],
    ].map((field) => [...field, 'roles: [ADMIN], credential: JWT']),
    ['Query', 'verifyAuditLog', 'roles: [ADMIN, SECURITY_MANAGER], credential: JWT'],
    ...['action', 'actions'].map((field) => [
      'Query',
      field,
      `${everybody}, credential: ANY, scope: "actions:read"`,
    ]),
    ['Mutation', 'submitAction', `${everybody}, credential: ANY, scope: "actions:submit"`],
    ...['approveAction', 'rejectAction', 'bulkApproveActions', 'bulkRejectActions'].map((field) => [
      'Mutation',
      field,
      'roles: [ADMIN, SECURITY_MANAGER, MANAGER], credential: JWT, riskLimited: true',
    ]),
  ] as [string, string, string][];

  it.each(OPEN_TO)('opens %s.%s to exactly (%s)', (type, field, args) => {
    expect(directivesOf(fieldOf(type, field))).toEqual([`@authorize(${args})`]);
  });

  it('opens no other root field', () => {
    const fields = rootFieldsOf(published).map(({ type, field }) => `${type}.${field.name}`);
    expect(fields.sort()).toEqual(OPEN_TO.map(([type, field]) => `${type}.${field}`).sort());
  });

  it('refuses a caller without a credential at every root field', async () => {
    const gateway = await startGateway();
    try {
      for (const { type, field } of rootFieldsOf(published)) {
        const args = field.args.filter(isRequiredArgument).map(anyValue);
        const call = args.length === 0 ? field.name : `${field.name}(${args.join(', ')})`;
        const { body } = await gateway.graphql(`${type.toLowerCase()} { ${call} { __typename } }`);
        expect([field.name, body.errors]).toMatchObject([
          field.name,
          [{ extensions: { code: 'MISSING_AUTH' } }],
        ]);
      }
    } finally {
      await gateway.close();
    }
  });

  const build = (fields: string) => {
    const schema = buildSchema(`enum Role { ADMIN USER } ${fields}`, { assumeValidSDL: true });
    return new AuthorizeDirective(new CallerChecks(() => Promise.resolve())).applyTo(schema);
  };
  const said = '@authorize(roles: [ADMIN], credential: JWT)';

  it('lets a schema be built in which every root field has it', () => {
    const schema = build(`type Query { a: Int ${said} b: Int ${said} } type Mutation { c: Int ${said} }`);
    expect(Object.keys(schema.getQueryType()?.getFields() ?? {})).toEqual(['a', 'b']);
  });

  it.each([
    ['Query.open', `type Query { a: Int ${said} open: Int }`],
    ['Mutation.open', `type Query { a: Int ${said} } type Mutation { open: Int }`],
    ['Subscription.open', `type Query { a: Int ${said} } type Subscription { open: Int }`],
    ['Query.anybody', `type Query { anybody: Int @authorize(credential: JWT) }`],
    ['Query.anyhow', `type Query { anyhow: Int @authorize(roles: [ADMIN]) }`],
    [
      'Mutation.unbound',
      `type Query { a: Int ${said} } type Mutation { unbound: Int ${said.replace(')', ', riskLimited: true)')} }`,
    ],
  ])('fails the build where it is missing or incomplete: %s', (name, fields) => {
    expect(() => build(fields)).toThrow(name);
  });
});

function fieldsOf(name: string): string[] {
  const type = published.getType(name);
  return isObjectType(type) ? Object.keys(type.getFields()) : [];
}

function fieldOf(typeName: string, name: string): GraphQLField<unknown, unknown> {
  const type = published.getType(typeName);
  const field = isObjectType(type) ? type.getFields()[name] : undefined;
  if (field === undefined) throw new Error(`There is no field ${typeName}.${name}`);
  return field;
}

function valuesOf(name: string): string[] {
  const type = published.getType(name);
  return isEnumType(type) ? type.getValues().map((value) => value.name) : [];
}

/** Every field of the root types, of which there must be some. */
function rootFieldsOf(schema: GraphQLSchema): { type: string; field: GraphQLField<unknown, unknown> }[] {
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  return roots.flatMap((type) =>
    type ? Object.values(type.getFields()).map((field) => ({ type: type.name, field })) : [],
  );
}

/** An object with the fields that its type requires. */
function anyObject(type: GraphQLInputObjectType): string {
  return `{ ${Object.values(type.getFields()).filter(isRequiredInputField).map(anyValue).join(', ')} }`;
}

/** An argument with a value of its type. */
function anyValue({ name, type }: Pick<GraphQLArgument, 'name' | 'type'>): string {
  const values: Readonly<Record<string, string>> = {
    ID: '"1"',
    String: '"why"',
    Int: '1',
    SafeInt: '1',
    AuditSummaryKey: 'DAY',
  };
  const named = getNamedType(type);
  const value = values[named.name] ?? (isInputObjectType(named) ? anyObject(named) : null);
  if (value === null) throw new Error(`No value known for ${name}: ${String(type)}`);
  return `${name}: ${value}`;
}
