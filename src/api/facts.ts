import { FACTS, type FactKind, type FactName, type RefusalFacts } from '../domain/refusal';
import { restTime, word } from './rest-notation';

/** Returns the facts of a refusal under their REST names, without those that are undefined. */
export function factsInSnakeCase(
  facts: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(facts)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [inSnakeCase(name), value instanceof Date ? restTime(value) : value]),
  );
}

/** How the schema shows a value of each kind that it shows in another way: enums in upper case, ids as text. */
const IN_SCHEMA: Readonly<Partial<Record<FactKind, (value: never) => unknown>>> = {
  status: inUpperCase,
  riskLevel: inUpperCase,
  role: inUpperCase,
  roles: (roles: readonly string[]) => roles.map(inUpperCase),
  userId: String,
};

/** Returns the facts of a refusal in the schema's notation (docs/graphql-api.md#errors). */
export function factsInSchemaWords(facts: RefusalFacts): Readonly<Record<string, unknown>> {
  return mapFacts(facts, IN_SCHEMA);
}

/** How REST shows a value that is in the schema's notation. */
const FROM_SCHEMA: Readonly<Partial<Record<FactKind, (value: never) => unknown>>> = {
  status: word,
  riskLevel: word,
  role: word,
  roles: (roles: readonly string[]) => roles.map(word),
  userId: Number,
  time: restTime,
};

/** Returns facts in the schema's notation in the notation of REST. */
export function factsFromSchema(facts: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return mapFacts(facts, FROM_SCHEMA);
}

function mapFacts(
  facts: Readonly<Record<string, unknown>>,
  writers: Readonly<Partial<Record<FactKind, (value: never) => unknown>>>,
): Readonly<Record<string, unknown>> {
  const written = Object.entries(facts).map(([name, value]) => {
    const write = writers[FACTS[name as FactName]];
    return [
      name,
      write === undefined || value === null || value === undefined ? value : write(value as never),
    ];
  });
  return Object.fromEntries(written) as Readonly<Record<string, unknown>>;
}

function inUpperCase(value: string): string {
  return value.toUpperCase();
}

/** Converts a name to snake case: decidedBy becomes `decided_by`. */
export function inSnakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
