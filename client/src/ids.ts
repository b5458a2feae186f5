/** The fields that hold ids: GraphQL writes an id as text, REST as a number. Here it is a number everywhere. */
const ID_FIELDS: ReadonlySet<string> = new Set(['id', 'actionId', 'auditId', 'decidedBy', 'submittedBy']);
/** The fields whose content is the agent's own: whatever it is called there, it stays as it is. */
const OPAQUE_FIELDS: ReadonlySet<string> = new Set(['parameters']);

/** An answer with its ids as numbers, which hold every id exactly: ids go up to 2^53-1. */
export function withNumericIds(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withNumericIds);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, held]) => [name, OPAQUE_FIELDS.has(name) ? held : fieldOf(name, held)]),
  );
}

function fieldOf(name: string, held: unknown): unknown {
  return ID_FIELDS.has(name) && typeof held === 'string' ? Number(held) : withNumericIds(held);
}
