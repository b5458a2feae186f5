import { ROLES, type Role } from '../domain/principal';
import {
  idOption,
  numberOption,
  required,
  runCommand,
  textOption,
  UsageError,
  type Values,
  type Work,
} from './command';

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
  const identity = {
    issuer: textOption(values, 'issuer'),
    subject: textOption(values, 'subject'),
  };
  const user = {
    organizationId: required(idOption(values, 'organization'), 'organization'),
    name: textOption(values, 'name'),
    role: roleOf(values),
    approvalLevel,
    maxRiskScore: numberOption(values, 'max-risk', { min: 0, max: MAX_SCORE }),
    active: values['inactive'] === undefined,
  };
  return async ({ provisioning }) => String(await provisioning.addUser(user, identity));
}

void runCommand({
  usage: `npm run --silent provision -- organization --name Acme [--levels on|off] [--manager-max-risk 69]
       npm run --silent provision -- user --organization 1 --name Ada --role manager --issuer URL --subject ID [--level 2] [--max-risk 69] [--inactive]`,
  options: {
    name: { type: 'string' },
    levels: { type: 'string' },
    'manager-max-risk': { type: 'string' },
    organization: { type: 'string' },
    role: { type: 'string' },
    issuer: { type: 'string' },
    subject: { type: 'string' },
    level: { type: 'string' },
    'max-risk': { type: 'string' },
    inactive: { type: 'boolean' },
  },
  allowPositionals: true,
  read: (values, [what, ...rest]) => {
    if (rest.length === 0 && what === 'organization') return addOrganization(values);
    if (rest.length === 0 && what === 'user') return addUser(values);
    throw new UsageError('say what to provision: organization or user');
  },
});
