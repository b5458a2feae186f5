import { ROLES, type Role } from '../../domain/principal';
import { AUDITORS } from '../routes';
import { json, type Described, type Gives } from './described';
import { COUNT, object, oneOf, TEXT } from './json-schema';
import { EXPORT_TAKES, LEAF_RANGE_TAKES } from './takes';

const file = (description: string, ...types: readonly string[]): Gives => ({
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
    description: 'Degraded: it serves, and an operator has to see to what is told below.',
  },
  ids: { ...TEXT, description: 'Reserved, or what keeps further ids from being reserved.' },
  audit_log: object({
    sealer: { ...oneOf(['off', 'active', 'standby']), description: 'What this process does.' },
    backlog: { ...COUNT, description: 'Entries that wait to be sealed.' },
    lag_seconds: { type: 'number', minimum: 0, description: 'How long the oldest of them waits.' },
    failures: {
      type: 'object',
      additionalProperties: TEXT,
      description: 'By organization: what keeps its log from being sealed.',
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
      'The audit log, streamed, oldest first: as records, as rows, or as a bundle that can be verified offline.',
    requirement: byJwtOf(AUDITORS),
    takes: EXPORT_TAKES,
    gives: { 200: file('The file, compressed where gzip is accepted.', LINES, 'text/csv') },
  },
  {
    path: '/api/admin/audit-logs/verify',
    operationId: 'verifyAuditLog',
    description: 'Recomputes the audit log and holds everything against everything, telling its progress.',
    requirement: byJwtOf(AUDITORS),
    takes: LEAF_RANGE_TAKES,
    gives: { 200: file('One line per step and per fault; the report is the last.', LINES) },
  },
  {
    path: '/checkpoint',
    operationId: 'getCheckpoint',
    description:
      "The newest checkpoint of your organization's audit log, a signed note (C2SP tlog-checkpoint).",
    requirement: byJwtOf(ROLES),
    takes: {},
    gives: { 200: file('The note.', PLAIN) },
    canBeAbsent: true,
  },
  {
    path: '/.well-known/countersign-audit-keys',
    operationId: 'getAuditKeys',
    description: 'The public keys that checkpoints and receipts are signed with, one a line.',
    requirement: null,
    takes: {},
    gives: { 200: file('`name+id+base64`.', PLAIN) },
  },
];

const OPERATIONS_PATHS: readonly Other[] = [
  {
    path: '/',
    operationId: 'getWelcome',
    description: 'What is here and where: a page where the caller accepts `text/html`, else JSON.',
    requirement: null,
    takes: {},
    gives: {
      200: {
        description: 'The places.',
        content: { 'application/json': { type: 'object', additionalProperties: TEXT }, 'text/html': TEXT },
      },
    },
  },
  {
    path: '/health',
    operationId: 'getHealth',
    description: 'Whether the process is alive.',
    requirement: null,
    takes: {},
    gives: { 200: json('It is.', HEALTH) },
  },
  {
    path: '/readyz',
    operationId: 'getReadiness',
    description: 'Whether it can serve.',
    requirement: null,
    takes: {},
    gives: { 200: json('It can.', READINESS) },
  },
  {
    path: '/metrics',
    operationId: 'getMetrics',
    description: 'What it counts, for Prometheus.',
    requirement: null,
    takes: {},
    gives: { 200: file('In the text format of Prometheus.', PLAIN) },
  },
  {
    path: '/openapi.json',
    operationId: 'getDescription',
    description: 'This document.',
    requirement: null,
    takes: {},
    gives: { 200: json('OpenAPI 3.1.', { type: 'object' }) },
  },
];

const SDK_PATHS: readonly Other[] = [
  {
    path: '/api/deployment-info',
    operationId: 'getDeploymentInfo',
    description: "The vendor's SDK tests its connection here: a credential that does not count is told.",
    requirement: 'optional',
    takes: {},
    gives: { 200: json('What this is.', DEPLOYMENT) },
  },
];

/** Every path that is described and is not in the routes table. */
export const OTHER_PATHS: readonly Described[] = [
  ...AUDIT_PATHS.map((path) => ({ ...path, tag: 'Audit log' })),
  ...SDK_PATHS.map((path) => ({ ...path, tag: "The vendor's SDK" })),
  ...OPERATIONS_PATHS.map((path) => ({ ...path, tag: 'Operations' })),
].map((path) => ({ ...path, method: 'GET', decides: null }));
