import type { Config } from '../config';
import { ROLES, type Role } from '../domain/role';
import { DEVELOPMENT_ISSUER } from '../http/development-issuer';
import type { Identity, ListedUser } from '../persistence/install/log-ins.store';
import {
  idOption,
  numberOption,
  required,
  runCommand,
  textOption,
  UsageError,
  type CommandContext,
  type Values,
  type Work,
} from './command';
import { tableOf } from './table';

const MAX_LEVEL = 10;
const MAX_SCORE = 100;

function roleOf(values: Values): Role {
  const role = ROLES.find((known) => known === required(values['role'], 'role'));
  if (role === undefined) throw new UsageError(`--role has to be one of ${ROLES.join(', ')}`);
  return role;
}

function levelsOf(values: Values): boolean {
  const levels = values['levels'] ?? 'on';
  if (levels !== 'on' && levels !== 'off') throw new UsageError('--levels has to be on or off');
  return levels === 'on';
}

function addOrganization(values: Values): Work {
  const managerMaxRiskScore = numberOption(values, 'manager-max-risk', { min: 0, max: MAX_SCORE });
  const policy = { approvalLevels: levelsOf(values), managerMaxRiskScore };
  const organization = { name: textOption(values, 'name'), policy };
  return async ({ provisioning }) => String(await provisioning.addOrganization(organization));
}

function addUser(values: Values): Work {
  const approvalLevel = numberOption(values, 'level', { min: 0, max: MAX_LEVEL });
  if (approvalLevel !== null && !Number.isInteger(approvalLevel))
    throw new UsageError('--level has to be a whole number');
  const identity = identityOf(values);
  const user = {
    organizationId: required(idOption(values, 'organization'), 'organization'),
    name: textOption(values, 'name'),
    role: roleOf(values),
    approvalLevel,
    maxRiskScore: numberOption(values, 'max-risk', { min: 0, max: MAX_SCORE }),
    active: values['inactive'] === undefined,
  };
  return async (context) => {
    warnOfUnknownIssuer(context, identity.issuer);
    return String(await context.provisioning.addUser(user, identity));
  };
}

function listUsers(values: Values): Work {
  const organizationId = required(idOption(values, 'organization'), 'organization');
  return async ({ provisioning }) => tableOf(COLUMNS, (await provisioning.users(organizationId)).map(rowOf));
}

const COLUMNS = ['id', 'name', 'role', 'level', 'max risk', 'active', 'issuer', 'subject'];

/** Returns one line of the list; `-` means the default of the role or the organization, or no log-in. */
function rowOf(user: ListedUser): readonly string[] {
  const { id, name, role, approvalLevel, maxRiskScore, active, login } = user;
  const own = [approvalLevel, maxRiskScore].map((value) => value?.toString() ?? '-');
  return [String(id), name, role, ...own, active ? 'yes' : 'no', login?.issuer ?? '-', login?.subject ?? '-'];
}

function relink(values: Values): Work {
  const userId = required(idOption(values, 'user'), 'user');
  const to = identityOf(values);
  const isFromNamed = values['from-issuer'] !== undefined || values['from-subject'] !== undefined;
  const from = isFromNamed ? identityOf(values, 'from-') : null;
  return async (context) => {
    warnOfUnknownIssuer(context, to.issuer);
    const replaced = await context.provisioning.relink(userId, from, to);
    if (replaced !== null)
      context.say(`no longer accepted: subject ${replaced.subject} of ${replaced.issuer}`);
    return null;
  };
}

/** Reads a log-in from its two options. @throws {UsageError} if one of them is absent */
function identityOf(values: Values, prefix = ''): Identity {
  const [issuer, subject] = [`${prefix}issuer`, `${prefix}subject`];
  return { issuer: textOption(values, issuer), subject: textOption(values, subject) };
}

/** Issuers are compared exactly, so an issuer that is not configured is usually a typing error. */
function warnOfUnknownIssuer({ config, say }: CommandContext, issuer: string): void {
  const known = issuersOf(config);
  if (known.includes(issuer)) return;
  const names = known.length === 0 ? 'none' : known.join(', ');
  say(`warning: no setting names the issuer ${issuer}, so its tokens are refused; configured: ${names}`);
}

function issuersOf({ trustedIssuers, isProduction }: Config): readonly string[] {
  return [...trustedIssuers.map(({ issuer }) => issuer), ...(isProduction ? [] : [DEVELOPMENT_ISSUER])];
}

void runCommand({
  usage: `npm run --silent provision -- organization --name Acme [--levels on|off] [--manager-max-risk 69]
       npm run --silent provision -- user --organization 1 --name Ada --role manager --issuer URL --subject ID [--level 2] [--max-risk 69] [--inactive]
       npm run --silent provision -- users --organization 1
       npm run --silent provision -- relink --user 42 --issuer URL --subject ID [--from-issuer URL --from-subject ID]`,
  options: {
    name: { type: 'string' },
    levels: { type: 'string' },
    'manager-max-risk': { type: 'string' },
    organization: { type: 'string' },
    role: { type: 'string' },
    issuer: { type: 'string' },
    subject: { type: 'string' },
    user: { type: 'string' },
    'from-issuer': { type: 'string' },
    'from-subject': { type: 'string' },
    level: { type: 'string' },
    'max-risk': { type: 'string' },
    inactive: { type: 'boolean' },
  },
  allowPositionals: true,
  read: (values, [what, ...rest]) => {
    if (rest.length === 0 && what === 'organization') return addOrganization(values);
    if (rest.length === 0 && what === 'user') return addUser(values);
    if (rest.length === 0 && what === 'users') return listUsers(values);
    if (rest.length === 0 && what === 'relink') return relink(values);
    throw new UsageError('name a subcommand: organization, user, users or relink');
  },
});
