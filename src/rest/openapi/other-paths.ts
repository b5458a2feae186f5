import { ROLES } from '../../domain/role';
import { EXPORT_PATH } from '../subjects/export';
import { VERIFICATION_PATH } from '../subjects/verification';
import { file, json, type Described, type DescribedRead } from './described';
import { COUNT, object, oneOf, TEXT } from './json-schema';

const PLAIN = 'text/plain';

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

const AUDIT_PATHS: readonly DescribedRead[] = [
  EXPORT_PATH,
  VERIFICATION_PATH,
  {
    path: '/checkpoint',
    operationId: 'getCheckpoint',
    description:
      "The newest checkpoint of your organization's audit log, as a signed note (C2SP tlog-checkpoint).",
    requirement: { roles: ROLES, credential: 'jwt', scope: null },
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

const OPERATIONS_PATHS: readonly DescribedRead[] = [
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

const SDK_PATHS: readonly DescribedRead[] = [
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
