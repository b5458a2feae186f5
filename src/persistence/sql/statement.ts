import type { Statement } from './sql';

const declared = new Map<string, Statement>();

/**
 * Declares a statement.
 * @returns the same statement
 * @throws {Error} if another text has its name, since PostgreSQL knows a prepared statement by its name alone
 */
export function statement(one: Statement): Statement {
  const known = declared.get(one.name);
  if (known !== undefined && known.text !== one.text) throw new Error(`Two statements are named ${one.name}`);
  declared.set(one.name, one);
  return one;
}

/** Returns every statement of the modules that are loaded. */
export function declaredStatements(): readonly Statement[] {
  return [...declared.values()];
}
