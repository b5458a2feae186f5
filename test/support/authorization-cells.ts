import type { ApiKeyScope, Role } from '../../src/domain/role';

export const ACME = 1;
export const GLOBEX = 2;

/** Who may use an operation, as a test writes it down. */
export interface Rule {
  /** The people who may. */
  readonly roles: readonly Role[];
  /** What an API key needs; null where only a JWT counts. */
  readonly scope: ApiKeyScope | null;
  /** Whether it gives a verdict. */
  readonly decides?: true;
  /** What of Acme it is about: an action, or something else that others do not see, as null or as a 404. */
  readonly about?: 'action' | 'hidden' | 'not found';
  /** The type of the audit entry that it writes. */
  readonly writes?: string;
}

export interface Operation extends Rule {
  readonly document: string;
}

/** A path of REST. */
export interface Path extends Partial<Pick<Rule, 'roles' | 'scope' | 'writes'>> {
  /** The operation whose rule applies, except for what is stated here; none where there is no such operation. */
  readonly as?: string;
  readonly body?: string;
  /** For everybody: a credential is not required, and if presented is either ignored or has to be valid. */
  readonly open?: 'unlooked' | 'looked at';
  /** A stream, which has no HEAD. */
  readonly hasNoHead?: true;
}

export interface Tables {
  readonly operations: Readonly<Record<string, Operation>>;
  /** By method and path. */
  readonly paths: Readonly<Record<string, Path>>;
  readonly aims: readonly Aim[];
}

/** A caller. */
export interface Caller {
  readonly title: string;
  readonly organization: number;
  /** Who it is or whose key it is: one of the demo's people, or a deactivated person. */
  readonly user?: number | 'gone';
  readonly role?: Role;
  /** Their own level, else their role's (docs/approval-policy.md#held-level). */
  readonly level?: number;
  readonly limit?: number;
  /** The scopes of an API key. */
  readonly scopes?: readonly ApiKeyScope[];
  /** Whether the key is sent as Bearer. */
  readonly isBearer?: true;
  /** How the key is changed after its creation. */
  readonly sql?: string;
  /** How an invalid credential is answered; none for a valid one. */
  readonly unknown?: string;
}

/** The action that a request is about. */
export interface Aim {
  readonly title: string;
  /** Null for an unknown action. */
  readonly score: number | null;
  /** The required level of this score, by the document. */
  readonly level: number;
  /** Whether the caller submitted it. */
  readonly isOwn?: true;
}

/** One request, and the answer that the tables give. */
export interface Cell {
  readonly title: string;
  readonly api: 'graphql' | 'rest';
  /** The operation, or the path with its method. */
  readonly row: string;
  readonly rule: Rule;
  /** The document, or what is sent to a path, where `$action` stands for its id. */
  readonly sent: string | { readonly method: string; readonly path: string; readonly body?: string };
  readonly aim: Aim | null;
  /** Whether it is a HEAD request. */
  readonly isHead?: true;
  /** `ok`, `absent`, or status and code; for HEAD the status alone. Those of a bulk's one item begin with `item`. */
  readonly expected: string;
}

/** Everything that a caller can request, by the tables. */
export function cellsOf(caller: Caller, { operations, paths, aims }: Tables): readonly Cell[] {
  const cellsFor = (cell: Pick<Cell, 'api' | 'row' | 'rule' | 'sent'>, isOpen = false): Cell[] =>
    (cell.rule.about === 'action' ? aims : [null]).map((aim) => ({
      ...cell,
      title: aim === null ? cell.row : `${cell.row}, an action ${aim.title}`,
      aim,
      expected: isOpen ? 'ok' : expectedOf(caller, cell, aim),
    }));
  return [
    ...Object.entries(operations).flatMap(([row, rule]) =>
      cellsFor({ api: 'graphql', row, rule, sent: rule.document }),
    ),
    ...Object.entries(paths).flatMap(([row, path]) => {
      const [method = '', template = ''] = row.split(' ');
      const sent = { method, path: template.replace(':action_id', '$action') };
      const rule = ruleOf(path, operations);
      const body = path.body === undefined ? {} : { body: path.body };
      const isOpen = path.open === 'unlooked' || (path.open === 'looked at' && !isRefused(caller));
      const cells = cellsFor({ api: 'rest', row, rule, sent: { ...sent, ...body } }, isOpen);
      return method === 'GET' ? [...cells, ...cells.slice(0, 1).map((cell) => headOf(cell, path))] : cells;
    }),
  ];
}

/** What nobody may do. */
const CLOSED: Rule = { roles: [], scope: null };

function ruleOf({ as = '', roles, scope, writes }: Path, operations: Tables['operations']): Rule {
  return {
    ...(operations[as] ?? CLOSED),
    ...(roles !== undefined && { roles }),
    ...(scope !== undefined && { scope }),
    ...(writes !== undefined && { writes }),
  };
}

/** Whether an invalid credential is presented. */
export function isRefused({ unknown }: Caller): boolean {
  return unknown !== undefined && unknown !== 'MISSING_AUTH';
}

/** The answer, in the order of docs/approval-policy.md#order-of-refusals. */
function expectedOf(caller: Caller, { row, rule }: Pick<Cell, 'row' | 'rule'>, aim: Aim | null): string {
  const { organization, role, scopes, unknown } = caller;
  if (unknown !== undefined) return `401 ${unknown}`;
  if (scopes !== undefined && rule.scope === null) return '401 JWT_REQUIRED';
  const isOpenTo =
    scopes === undefined ? rule.roles.some((one) => one === role) : scopes.some((one) => one === rule.scope);
  if (!isOpenTo) return '403 INSUFFICIENT_PERMISSIONS';
  // Refusals up to here apply to the whole request, in a bulk too.
  if (rule.decides === true) return (row.includes('bulk') ? 'item ' : '') + decisionOf(caller, aim);
  const isForeign = organization !== ACME;
  if (rule.about === 'not found' && isForeign) return '404 NOT_FOUND';
  if (rule.about === 'hidden' && isForeign) return 'absent';
  return aim !== null && (isForeign || aim.score === null) ? 'absent' : 'ok';
}

function decisionOf({ organization, level = 0, limit = 100 }: Caller, aim: Aim | null): string {
  if (organization !== ACME || aim === null || aim.score === null) return '404 ACTION_NOT_FOUND';
  if (level < aim.level) return '403 APPROVAL_LEVEL_REQUIRED';
  if (aim.score > limit) return '403 RISK_LIMIT_EXCEEDED';
  return aim.isOwn === true ? '403 SELF_APPROVAL_FORBIDDEN' : 'ok';
}

/** HEAD is refused as GET is. */
function headOf(cell: Cell, { hasNoHead }: Path): Cell {
  const status = { ok: '200', absent: '404' }[cell.expected] ?? cell.expected.slice(0, 3);
  const sent = { ...(cell.sent as object), method: 'HEAD' } as Cell['sent'];
  const expected = hasNoHead === true ? '405' : status;
  return { ...cell, title: `the head of ${cell.title}`, isHead: true, sent, expected };
}
