import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sign } from 'jsonwebtoken';
import type { ApiKeyScope } from '../src/domain/role';
import { operatorOrigin } from '../src/operator';
import { Provisioning } from '../src/persistence/install/provisioning.store';
import type { Database } from '../src/persistence/sql/database';

/** A reviewer in the benchmark. */
export interface BenchReviewer {
  readonly userId: number;
  readonly subject: string;
  /** An RS256 JWT, valid for a day. */
  readonly token: string;
}

/** A user with an API key that submits actions. */
export interface BenchAgent {
  readonly userId: number;
  readonly apiKey: string;
}

/** An organization and its people. */
export interface People {
  readonly organizationId: number;
  /** The user who submitted the initial actions. */
  readonly submitter: number;
  readonly reviewers: readonly BenchReviewer[];
  readonly agents: readonly BenchAgent[];
  /** An admin's RS256 JWT, valid for a day. */
  readonly adminToken: string;
  /** An API key that may read actions. */
  readonly apiKey: string;
}

export const ISSUER = 'https://id.example';
const AUDIENCE = 'countersign';
const REVIEWERS = 200;
/** So many that each may have all actions waiting that a run submits by its key (MAX_PENDING_ACTIONS). */
const AGENTS = 16;
const TOKEN_LIFETIME = 86_400;

/** Adds an organization and its people. */
export async function addPeople(owner: Database, tokenKey: string): Promise<People> {
  const provisioning = new Provisioning(owner, operatorOrigin());
  const organizationId = await provisioning.addOrganization({ name: 'Busy', policy: {} });
  const common = { organizationId, maxRiskScore: null, active: true };
  const add = (name: string, role: 'user' | 'manager' | 'admin', level: number | null): Promise<number> =>
    provisioning.addUser(
      { ...common, name, role, approvalLevel: level },
      { issuer: ISSUER, subject: subjectOf(name) },
    );
  const administrator = 'Administrator';
  await add(administrator, 'admin', null);
  const submitter = await add('Submitter', 'user', null);
  const reviewers: BenchReviewer[] = [];
  for (let n = 1; n <= REVIEWERS; n += 1) {
    const name = `Reviewer ${String(n)}`;
    const subject = subjectOf(name);
    reviewers.push({ userId: await add(name, 'manager', 4), subject, token: tokenFor(subject, tokenKey) });
  }
  const addKey = async (ownerId: number, scope: ApiKeyScope): Promise<string> => {
    const request = { organizationId, name: scope, ownerId, expiresAt: null, scopes: [scope] };
    return (await provisioning.addApiKey(request)).key;
  };
  const agents: BenchAgent[] = [];
  for (let n = 1; n <= AGENTS; n += 1) {
    const userId = await add(`Owner ${String(n)}`, 'user', null);
    agents.push({ userId, apiKey: await addKey(userId, 'actions:submit') });
  }
  const apiKey = await addKey(submitter, 'actions:read');
  const adminToken = tokenFor(subjectOf(administrator), tokenKey);
  return { organizationId, submitter, reviewers, agents, adminToken, apiKey };
}

function subjectOf(name: string): string {
  return name.toLowerCase().replaceAll(' ', '-');
}

function tokenFor(subject: string, key: string): string {
  return sign({}, key, {
    algorithm: 'RS256',
    issuer: ISSUER,
    audience: AUDIENCE,
    subject,
    expiresIn: TOKEN_LIFETIME,
  });
}

/** Generates the issuer's key pair, and the files that the gateway's settings name. */
export function makeKeys(folder: string): { tokenKey: string; tokenPublicKey: string; auditKey: string } {
  const pem = { type: 'pkcs8', format: 'pem' } as const;
  const issuer = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const paths = {
    tokenPublicKey: join(folder, 'issuer.pem'),
    auditKey: join(folder, 'audit.pem'),
  };
  writeFileSync(paths.tokenPublicKey, issuer.publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(paths.auditKey, generateKeyPairSync('ed25519').privateKey.export(pem), { mode: 0o600 });
  return { tokenKey: issuer.privateKey.export(pem).toString(), ...paths };
}
