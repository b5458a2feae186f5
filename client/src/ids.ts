/** The fields that hold ids. GraphQL writes an id as text, REST as a number; this client uses numbers everywhere. */
const ID_FIELDS: ReadonlySet<string> = new Set([
  'id',
  'actionId',
  'auditId',
  'auditIds',
  'decidedBy',
  'submittedBy',
]);
/** The fields whose content belongs to the agent and is never changed. */
const OPAQUE_FIELDS: ReadonlySet<string> = new Set(['parameters']);

/** Returns a response with its ids as numbers. Ids are at most 2^53-1, so numbers are exact. */
export function withNumericIds(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withNumericIds);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, held]) => [name, OPAQUE_FIELDS.has(name) ? held : fieldOf(name, held)]),
  );
}

function fieldOf(name: string, held: unknown): unknown {
  if (!ID_FIELDS.has(name)) return withNumericIds(held);
  if (Array.isArray(held)) return held.map(Number);
  return typeof held === 'string' ? Number(held) : withNumericIds(held);
}
