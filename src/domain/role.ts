/** The roles of users, from least to most privileged (docs/approval-policy.md#roles). */
export const ROLES = ['user', 'manager', 'security_manager', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** The scopes of API keys (docs/authentication.md#api-keys). No scope allows deciding or creating keys. */
export const API_KEY_SCOPES = ['actions:submit', 'actions:read', 'actions:score', 'audit:read'] as const;
export type ApiKeyScope = (typeof API_KEY_SCOPES)[number];
/** The scope of an evaluation engine's key. An agent may never set the score of its own action. */
export const SCORING_SCOPE: ApiKeyScope = 'actions:score';

/** The scope that a key needs to read actions, by whatever path. */
export const READING_SCOPE: ApiKeyScope = 'actions:read';
