import { EntitySchema, type EntitySchemaColumnOptions, type EntitySchemaOptions } from 'typeorm';

/** The columns of a table: the domain's property name to how the database holds it. */
export type Columns<T> = Readonly<Record<keyof T & string, EntitySchemaColumnOptions>>;

/** A domain type's table: the mapping for TypeORM and the select list that reads rows as domain values. */
export interface Table<T> {
  readonly name: string;
  readonly schema: EntitySchema<T>;
  /** The column that holds a property. */
  column(property: keyof T & string): string;
  /** `alias."column" AS "property", …` for every property. */
  select(alias: string): string;
}

/** SQL, given the table's alias, for properties that are read otherwise than from their column alone. */
export type Derived<T> = Partial<Readonly<Record<keyof T & string, (alias: string) => string>>>;

/** Maps a plain readonly domain type to a table: scalar columns only, no relations (design, "Data"). */
export function table<T>(name: string, columns: Columns<T>, derived: Derived<T> = {}): Table<T> {
  const column = (property: keyof T & string): string => columns[property].name ?? property;
  const properties = Object.keys(columns) as (keyof T & string)[];
  return {
    name,
    schema: new EntitySchema<T>({
      name,
      tableName: name,
      columns: { ...columns } as EntitySchemaOptions<T>['columns'],
    }),
    column,
    select: (alias) =>
      properties
        .map((property) => {
          const sql = derived[property]?.(alias) ?? `${alias}."${column(property)}"`;
          return `${sql} AS "${property}"`;
        })
        .join(', '),
  };
}
