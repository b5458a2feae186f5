import { z } from 'zod';
import { ROLES } from '../../domain/role';
import { EXPORT_PATH } from '../subjects/export';
import { VERIFICATION_PATH } from '../subjects/verification';
import { file, json, type Described, type DescribedRead } from './described';
import { jsonSchemaOf } from './json-schema';
import { COUNT, TEXT } from './vocabulary';

const PLAIN = 'text/plain';

const HEALTH = z.object({ status: z.literal('ok') });
const READINESS = z.object({
  status: z.enum(['ready', 'degraded']).meta({
    description:
      '`degraded`: the gateway serves requests, and an operator has to act on what is reported below.',
  }),
  ids: TEXT.meta({ description: '`reserved`, or the reason why no further ids can be reserved.' }),
  audit_log: z.object({
    sealer: z.enum(['off', 'active', 'standby']).meta({ description: 'The role of this process.' }),
    backlog: COUNT.meta({ description: 'Number of entries that are not sealed yet.' }),
    lag_seconds: z.number().min(0).meta({ description: 'Age of the oldest of them.' }),
    failures: z
      .record(z.string(), TEXT)
      .meta({ description: 'By organization: the reason why its log cannot be sealed.' }),
  }),
});
const DEPLOYMENT = z.object({
  service: TEXT,
  version: TEXT,
  environment: z.enum(['development', 'production']),
  status: z.literal('ok'),
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
        content: {
          'application/json': jsonSchemaOf(z.record(z.string(), TEXT)),
          'text/html': jsonSchemaOf(TEXT),
        },
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
    responses: { 200: json('The OpenAPI 3.1 document.', z.record(z.string(), z.unknown())) },
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
