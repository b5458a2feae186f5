import { EntitySchema, type EntitySchemaColumnOptions, type EntitySchemaOptions } from 'typeorm';

/** The columns of a table, by the domain's property name. */
export type Columns<T> = Readonly<Record<keyof T & string, EntitySchemaColumnOptions>>;

/** A domain type's table: the mapping for TypeORM and the select list that reads rows as domain values. */
export interface Table<T> {
  readonly name: string;
  readonly schema: EntitySchema<T>;
  readonly properties: readonly (keyof T & string)[];
  /** Returns the column of a property. */
  column(property: keyof T & string): string;
  /**
   * Returns `alias."column" AS "property", …` for every property.
   * @param wanted names of the fields to read; columns that only other fields need are omitted
   */
  select(alias: string, wanted?: ReadonlySet<string>): string;
  /** Returns the heavy properties among those that `select` reads. */
  heavy(wanted?: ReadonlySet<string>): readonly string[];
}

/** SQL, given the table's alias, for properties that are computed rather than read from their column. */
export type Derived<T> = Partial<Readonly<Record<keyof T & string, (alias: string) => string>>>;

export interface TableOptions<T> {
  readonly derived?: Derived<T>;
  /** Properties that only the field of the same name needs, and no rule reads. */
  readonly shown?: readonly (keyof T & string)[];
  /** Properties that only their own field and the fields of these names need, and no rule reads. */
  readonly behind?: Partial<Readonly<Record<keyof T & string, readonly string[]>>>;
  /** Properties that can be large: texts without a small limit, and JSON. */
  readonly heavy?: readonly (keyof T & string)[];
}

/** Maps a plain readonly domain type to a table: scalar columns only, no relations (docs/architecture.md#data). */
export function table<T>(
  name: string,
  columns: Columns<T>,
  { derived = {}, shown = [], behind = {}, heavy = [] }: TableOptions<T> = {},
): Table<T> {
  const isOnlyShown = new Set<string>(shown);
  const isRead = (property: keyof T & string, wanted: ReadonlySet<string>): boolean =>
    wanted.has(property) ||
    (behind[property]?.some((field) => wanted.has(field)) ?? !isOnlyShown.has(property));
  const column = (property: keyof T & string): string => columns[property].name ?? property;
  const properties = Object.keys(columns) as (keyof T & string)[];
  return {
    name,
    schema: new EntitySchema<T>({
      name,
      tableName: name,
      columns: { ...columns } as EntitySchemaOptions<T>['columns'],
    }),
    properties,
    column,
    select: (alias, wanted) =>
      properties
        .filter((property) => wanted === undefined || isRead(property, wanted))
        .map((property) => {
          const sql = derived[property]?.(alias) ?? `${alias}."${column(property)}"`;
          return `${sql} AS "${property}"`;
        })
        .join(', '),
    heavy: (wanted) => heavy.filter((property) => wanted === undefined || isRead(property, wanted)),
  };
}
