import { newApiKey } from '../../domain/api-key';
import type { ApiKey, ApiKeyGrant } from '../../domain/api-key-grant';
import { SYSTEM_ACTOR, type AuditEntryDraft, type RequestOrigin } from '../../domain/audit-entry';
import { DEFAULT_RULES, policySettings } from '../../domain/policy';
import { applyPatch, type PolicyPatch } from '../../domain/policy-change';
import type { Role } from '../../domain/role';
import { userRecord } from '../../domain/user-change';
import { ApiKeyReads } from '../people/api-keys.reads';
import { addApiKey, revokeApiKey } from '../people/api-keys.store';
import { appendAuditEntry } from '../audit/audit-log.store';
import type { Database } from '../sql/database';
import type { Sql } from '../sql/sql';
import {
  addIdentity,
  organizationOf,
  relink,
  usersWithLogins,
  type Identity,
  type ListedUser,
} from './log-ins.store';
import { statement } from '../sql/statement';

export interface NewOrganization {
  /** Chosen by the database if omitted. */
  readonly id?: number;
  readonly name: string;
  /** Differences from the defaults of docs/approval-policy.md#settings. */
  readonly policy: PolicyPatch;
}

export interface NewUser {
  readonly organizationId: number;
  /** Chosen by the database if omitted. */
  readonly id?: number;
  readonly name: string;
  readonly role: Role;
  /** 0 to 10; null for the role's default. */
  readonly approvalLevel: number | null;
  /** 0 to 100; null for the organization's limit. */
  readonly maxRiskScore: number | null;
  readonly active: boolean;
}

export interface NewApiKey extends ApiKeyGrant {
  readonly organizationId: number;
  /** A user of the organization; null for its first active admin. */
  readonly ownerId: number | null;
}

/** A new API key, which is not stored and cannot be shown again, with the user who is responsible for it. */
export interface AddedApiKey {
  readonly key: string;
  readonly owner: { readonly id: number; readonly name: string };
}

/**
 * An operator's command cannot be carried out: something that it names does not exist, exists already or is invalid.
 */
class ProvisioningError extends Error {
  override readonly name = 'ProvisioningError';
}

/** Operations of the command line, over the owner's connection. Every change writes its audit entry. */
export class Provisioning {
  /** @param origin of the operator's command, for the audit log */
  constructor(
    private readonly owner: Database,
    private readonly origin: RequestOrigin,
  ) {}

  /**
   * Creates an organization.
   * @returns its id
   * @throws {ProvisioningError} if the policy is invalid
   */
  addOrganization(organization: NewOrganization): Promise<number> {
    return this.owner.transaction((sql) => this.addOrganizationIn(sql, organization));
  }

  /**
   * Creates a user with a log-in.
   * @returns the user's id
   * @throws {ProvisioningError} if the organization does not exist, or the log-in belongs to a user already
   */
  addUser(user: NewUser, identity: Identity): Promise<number> {
    return this.owner.transaction(async (sql) => {
      const id = await this.addUserIn(sql, user);
      const isNew = await addIdentity(sql, user.organizationId, id, identity);
      if (isNew) return id;
      throw new ProvisioningError(
        `Subject ${identity.subject} of ${identity.issuer} already belongs to a user`,
      );
    });
  }

  /**
   * Links a log-in of the development issuer to a user of any organization.
   * @throws {ProvisioningError} if the user does not exist
   */
  async ensureIdentity(userId: number, identity: Identity): Promise<void> {
    const organizationId = await organizationOf(this.owner, userId);
    if (organizationId === null) throw new ProvisioningError(`There is no user ${String(userId)}`);
    await addIdentity(this.owner, organizationId, userId, identity);
  }

  /**
   * Lists an organization's users by id, once per log-in.
   * @throws {ProvisioningError} if the organization does not exist
   */
  async users(organizationId: number): Promise<readonly ListedUser[]> {
    await requireOrganization(this.owner, organizationId);
    return usersWithLogins(this.owner, organizationId);
  }

  /**
   * Replaces a user's log-in by another issuer and subject. Role and history stay.
   * @param from the log-in to replace; null for the only one, or for a user without any
   * @returns the replaced log-in; null for a user without any
   * @throws {ProvisioningError} if the user or the log-in does not exist, if there are several, or if the new log-in is
   * taken
   */
  async relink(userId: number, from: Identity | null, to: Identity): Promise<Identity | null> {
    const relinked = await this.owner.transaction((sql) => relink(sql, userId, from, to, this.origin));
    if ('replaced' in relinked) return relinked.replaced;
    const user = `User ${String(userId)}`;
    throw new ProvisioningError(
      {
        'no such user': `There is no user ${String(userId)}`,
        'no such log-in': `${user} does not log in as subject ${from?.subject ?? ''} of ${from?.issuer ?? ''}`,
        'several log-ins': `${user} has several log-ins: name the one to move`,
        taken: `Subject ${to.subject} of ${to.issuer} already belongs to a user`,
      }[relinked.refused],
    );
  }

  /**
   * Creates an API key.
   * @throws {ProvisioningError} if the organization has no such user, or no active admin
   */
  addApiKey(request: NewApiKey): Promise<AddedApiKey> {
    return this.owner.transaction(async (sql) => {
      const key = newApiKey();
      const owner = await this.ownerOf(sql, request);
      await addApiKey(sql, request, key, request, owner.id, { admin: null, origin: this.origin });
      return { key, owner };
    });
  }

  /** Returns all API keys of an organization, oldest first. */
  apiKeys(organizationId: number): Promise<readonly ApiKey[]> {
    return new ApiKeyReads(this.owner).all({ organizationId });
  }

  /**
   * Revokes an API key; a revoked key stays unchanged.
   * @throws {ProvisioningError} if the organization has no such key
   */
  async revokeApiKey(organizationId: number, id: number): Promise<void> {
    const by = { admin: null, origin: this.origin };
    const revoked = await this.owner.transaction((sql) =>
      revokeApiKey(sql, { organizationId }, id, null, by),
    );
    if (revoked === null)
      throw new ProvisioningError(`Organization ${String(organizationId)} has no API key ${String(id)}`);
  }

  async addOrganizationIn(sql: Sql, { id, name, policy }: NewOrganization): Promise<number> {
    const rules = applyPatch(DEFAULT_RULES, policy);
    if (rules.faults !== undefined)
      throw new ProvisioningError(
        rules.faults.map(({ loc, msg }) => `${loc.slice(1).join('.')} ${msg}`).join('; '),
      );
    const [row] = await sql.query<{ id: number }>(INSERT_ORGANIZATION, [id ?? null, name]);
    const organizationId = row?.id ?? missing();
    await sql.query(INSERT_FIRST_POLICY, [organizationId, JSON.stringify(rules.value)]);
    const details = `Organization ${name} created with approval policy version 1`;
    const data = { version: 1, before: null, after: policySettings(rules.value) };
    const created = this.entry(organizationId, 'policy_changed', details, data);
    await appendAuditEntry(sql, { ...created, policyVersion: 1 });
    return organizationId;
  }

  async addUserIn(sql: Sql, user: NewUser): Promise<number> {
    const { organizationId, id, name, role, approvalLevel, maxRiskScore, active } = user;
    await requireOrganization(sql, organizationId);
    const values = [organizationId, id ?? null, name, role, approvalLevel, maxRiskScore, active];
    const [row] = await sql.query<{ id: number }>(INSERT_USER, values);
    const userId = row?.id ?? missing();
    await appendAuditEntry(
      sql,
      this.entry(organizationId, 'user_changed', `User ${String(userId)} created`, {
        user_id: userId,
        before: null,
        after: userRecord(user),
      }),
    );
    return userId;
  }

  private async ownerOf(sql: Sql, { organizationId, ownerId }: NewApiKey): Promise<AddedApiKey['owner']> {
    const [row] = await sql.query<AddedApiKey['owner']>(API_KEY_OWNER, [organizationId, ownerId]);
    if (row !== undefined) return row;
    const owner = ownerId === null ? 'active admin' : `user ${String(ownerId)}`;
    throw new ProvisioningError(`Organization ${String(organizationId)} has no ${owner}`);
  }

  private entry(
    organizationId: number,
    actionType: AuditEntryDraft['actionType'],
    details: string,
    data: NonNullable<AuditEntryDraft['data']>,
  ): AuditEntryDraft {
    return { organizationId, actionType, actor: SYSTEM_ACTOR, details, origin: this.origin, data };
  }
}

/** @throws {ProvisioningError} if the organization does not exist */
async function requireOrganization(sql: Sql, id: number): Promise<void> {
  const [organization] = await sql.query(ORGANIZATION_BY_ID, [id]);
  if (organization === undefined) throw new ProvisioningError(`There is no organization ${String(id)}`);
}

const INSERT_ORGANIZATION = statement({
  name: 'insert_organization',
  text: `INSERT INTO organizations (id, name, policy_version)
    VALUES (coalesce($1::bigint, nextval(pg_get_serial_sequence('organizations', 'id'))), $2, 1) RETURNING id`,
});
const INSERT_FIRST_POLICY = statement({
  name: 'insert_first_policy',
  text: 'INSERT INTO approval_policies (organization_id, version, document) VALUES ($1, 1, $2::jsonb)',
});
const ORGANIZATION_BY_ID = statement({
  name: 'organization_by_id',
  text: 'SELECT id FROM organizations WHERE id = $1',
});
const INSERT_USER = statement({
  name: 'insert_user',
  text: `INSERT INTO users (organization_id, id, name, role, approval_level, max_risk_score, active)
    VALUES ($1, coalesce($2::bigint, nextval('user_id_seq')), $3, $4, $5, $6, $7) RETURNING id`,
});
const API_KEY_OWNER = statement({
  name: 'api_key_owner',
  text: `SELECT id, name FROM users WHERE organization_id = $1
      AND CASE WHEN $2::bigint IS NULL THEN role = 'admin' AND active ELSE id = $2 END
    ORDER BY id LIMIT 1`,
});
function missing(): never {
  throw new Error('An INSERT returned no row');
}
