import { ROLES, type Role } from '../../domain/role';
import { AUDITORS } from '../routes';
import { json, type Described, type DescribedResponse } from './described';
import { COUNT, object, oneOf, TEXT } from './json-schema';
import { EXPORT_REQUEST, LEAF_RANGE_REQUEST } from './requests';

const file = (description: string, ...types: readonly string[]): DescribedResponse => ({
  description,
  content: Object.fromEntries(types.map((type) => [type, TEXT])),
});
const byJwtOf = (roles: readonly Role[]): Described['requirement'] => ({
  roles,
  credential: 'jwt',
  scope: null,
});

const PLAIN = 'text/plain';
const LINES = 'application/jsonl';

const HEALTH = object({ status: { type: 'string', const: 'ok' } });
const READINESS = object({
  status: {
    ...oneOf(['ready', 'degraded']),
    description:
      '`degraded`: the gateway serves requests, and an operator has to act on what is reported below.',
  },
  ids: { ...TEXT, description: '`reserved`, or the reason why no further ids can be reserved.' },
  audit_log: object({
    sealer: { ...oneOf(['off', 'active', 'standby']), description: 'The role of this process.' },
    backlog: { ...COUNT, description: 'Number of entries that are not sealed yet.' },
    lag_seconds: { type: 'number', minimum: 0, description: 'Age of the oldest of them.' },
    failures: {
      type: 'object',
      additionalProperties: TEXT,
      description: 'By organization: the reason why its log cannot be sealed.',
    },
  }),
});
const DEPLOYMENT = object({
  service: TEXT,
  version: TEXT,
  environment: oneOf(['development', 'production']),
  status: { type: 'string', const: 'ok' },
});

type Other = Omit<Described, 'method' | 'decides' | 'tag'>;

const AUDIT_PATHS: readonly Other[] = [
  {
    path: '/api/admin/audit-logs/export',
    operationId: 'exportAuditLog',
    description:
      'Streams the audit log, oldest entry first: as JSON records, as CSV rows, or as a bundle that can be verified offline.',
    requirement: byJwtOf(AUDITORS),
    request: EXPORT_REQUEST,
    responses: { 200: file('The file. It is compressed if the request accepts gzip.', LINES, 'text/csv') },
  },
  {
    path: '/api/admin/audit-logs/verify',
    operationId: 'verifyAuditLog',
    description:
      'Recomputes the Merkle tree of the audit log, checks entries, actions, policies and checkpoints against each other, and reports progress.',
    requirement: byJwtOf(AUDITORS),
    request: LEAF_RANGE_REQUEST,
    responses: { 200: file('One line for each step and each fault. The last line is the report.', LINES) },
  },
  {
    path: '/checkpoint',
    operationId: 'getCheckpoint',
    description:
      "The newest checkpoint of your organization's audit log, as a signed note (C2SP tlog-checkpoint).",
    requirement: byJwtOf(ROLES),
    request: {},
    responses: { 200: file('The signed note.', PLAIN) },
    canBeAbsent: true,
  },
  {
    path: '/.well-known/countersign-audit-keys',
    operationId: 'getAuditKeys',
    description: 'The public keys of checkpoints and receipts, one per line.',
    requirement: null,
    request: {},
    responses: { 200: file('Lines of the form `name+id+base64`.', PLAIN) },
  },
];

const OPERATIONS_PATHS: readonly Other[] = [
  {
    path: '/',
    operationId: 'getWelcome',
    description: 'Links to the other pages: an HTML page if the request accepts `text/html`, otherwise JSON.',
    requirement: null,
    request: {},
    responses: {
      200: {
        description: 'The links.',
        content: { 'application/json': { type: 'object', additionalProperties: TEXT }, 'text/html': TEXT },
      },
    },
  },
  {
    path: '/health',
    operationId: 'getHealth',
    description: 'Whether the process is alive.',
    requirement: null,
    request: {},
    responses: { 200: json('The process is alive.', HEALTH) },
  },
  {
    path: '/readyz',
    operationId: 'getReadiness',
    description: 'Whether the gateway can serve requests.',
    requirement: null,
    request: {},
    responses: { 200: json('The gateway can serve requests.', READINESS) },
  },
  {
    path: '/metrics',
    operationId: 'getMetrics',
    description: 'Metrics for Prometheus.',
    requirement: null,
    request: {},
    responses: { 200: file('Metrics in the text format of Prometheus.', PLAIN) },
  },
  {
    path: '/openapi.json',
    operationId: 'getDescription',
    description: 'This document.',
    requirement: null,
    request: {},
    responses: { 200: json('The OpenAPI 3.1 document.', { type: 'object' }) },
  },
];

const SDK_PATHS: readonly Other[] = [
  {
    path: '/api/deployment-info',
    operationId: 'getDeploymentInfo',
    description: "The vendor's SDK tests its connection here. An invalid credential is refused.",
    requirement: 'optional',
    request: {},
    responses: { 200: json('Information about the service.', DEPLOYMENT) },
  },
];

/** The described paths that are not in the routes table. */
export const OTHER_PATHS: readonly Described[] = [
  ...AUDIT_PATHS.map((path) => ({ ...path, tag: 'Audit log' })),
  ...SDK_PATHS.map((path) => ({ ...path, tag: "The vendor's SDK" })),
  ...OPERATIONS_PATHS.map((path) => ({ ...path, tag: 'Operations' })),
].map((path) => ({ ...path, method: 'GET', decides: null }));
