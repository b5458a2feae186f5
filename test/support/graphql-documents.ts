import {
  getNamedType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
} from 'graphql';
import { PROTOTYPE_NAMES, type Draw } from './draw';
import { toLiteral, type Values } from './graphql-values';

/** An operation that was generated from the schema. */
export interface MadeOperation {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly operationName: string;
}

/** Generates one document from a schema: valid, or with a flaw here and there. */
export class DocumentMaker {
  private readonly definitions: string[] = [];
  private readonly given: [string, unknown][] = [];
  private readonly fragments: string[] = [];
  private aliases = 0;

  /** @param flawsOneIn how rarely a place is flawed; null for a document that fits the schema */
  constructor(
    private readonly schema: GraphQLSchema,
    private readonly draw: Draw,
    private readonly values: Values,
    private readonly flawsOneIn: number | null,
  ) {}

  operation(): MadeOperation {
    const { draw, schema } = this;
    const isMutation = draw.oneIn(3);
    const root = isMutation ? schema.getMutationType() : schema.getQueryType();
    if (root === null || root === undefined) throw new Error('The schema has no such root');
    const selection = this.selection(root, draw.pick([2, 3, 4, 6, 11]), isMutation && !draw.oneIn(6) ? 1 : 3);
    const name = this.isFlawed() ? draw.pick(PROTOTYPE_NAMES) : 'Made';
    const definitions = this.definitions.length === 0 ? '' : `(${this.definitions.join(', ')})`;
    return {
      query: `${isMutation ? 'mutation' : 'query'} ${name}${definitions} ${selection}\n${this.fragments.join('\n')}`,
      // All as own properties, `__proto__` among them.
      variables: Object.fromEntries(
        this.given.filter(() => !this.isFlawed()).concat(this.isFlawed() ? [['__proto__', { a: 1 }]] : []),
      ),
      operationName: this.isFlawed() ? draw.pick(['Other', '', ...PROTOTYPE_NAMES]) : name,
    };
  }

  private isFlawed(): boolean {
    return this.flawsOneIn !== null && this.draw.oneIn(this.flawsOneIn);
  }

  private selection(type: GraphQLObjectType, depth: number, most = 4): string {
    const used = new Set<string>();
    const parts = Array.from({ length: 1 + this.draw.upTo(most - 1) }, () => this.part(type, depth, used));
    return `{ ${parts.join(' ')} }`;
  }

  /** A field, or several behind a fragment or a directive. */
  private part(type: GraphQLObjectType, depth: number, used: Set<string>): string {
    const { draw } = this;
    const field = this.someField(type, depth, used);
    if (!draw.oneIn(8)) return field;
    const on = this.isFlawed() ? draw.pick(['User', 'Nonsense', 'ActionFilter', 'JSON']) : type.name;
    const directive = draw.oneIn(2) ? '' : this.directive();
    if (draw.oneIn(2)) return `... on ${on} ${directive} { ${field} }`;
    const name = `Part${String(this.fragments.length)}`;
    this.fragments.push(`fragment ${name} on ${on} { ${field} }`);
    return `...${this.isFlawed() ? 'Missing' : name} ${directive}`;
  }

  private directive(): string {
    const { draw } = this;
    if (this.isFlawed())
      return draw.pick(['@nonsense', '@skip', '@defer', '@stream', '@authorize', '@oneOf']);
    return `@${draw.pick(['skip', 'include'])}(if: ${draw.oneIn(2) ? 'true' : 'false'})`;
  }

  private someField(type: GraphQLObjectType, depth: number, used: Set<string>): string {
    const fields = Object.values(type.getFields()).filter(
      (field) => !used.has(field.name) && (depth > 1 || isLeafType(getNamedType(field.type))),
    );
    if (fields.length === 0) return '__typename';
    // Fields that lead further are what lists consist of.
    const leading = fields.filter(({ type: of }) => !isLeafType(getNamedType(of)));
    const field = this.draw.pick(leading.length > 0 && this.draw.oneIn(2) ? leading : fields);
    if (this.isFlawed()) return this.draw.pick([`${field.name}s`, ...PROTOTYPE_NAMES]);
    // Under an alias the same field may be selected again.
    if (this.draw.oneIn(10)) return `${this.alias()}: ${this.field(field, depth)}`;
    used.add(field.name);
    return this.field(field, depth);
  }

  private alias(): string {
    this.aliases += 1;
    const name = PROTOTYPE_NAMES[this.aliases - 1];
    return name !== undefined && this.draw.oneIn(2) ? name : `a${String(this.aliases)}`;
  }

  private field(field: GraphQLField<unknown, unknown>, depth: number): string {
    const { draw } = this;
    const args = field.args
      .filter((argument) => (isRequiredArgument(argument) ? !this.isFlawed() : draw.oneIn(4)))
      .map((argument) => `${argument.name}: ${this.argument(argument.type, argument.name)}`);
    if (this.isFlawed())
      args.push(`${draw.pick([...PROTOTYPE_NAMES, 'first'])}: ${toLiteral(this.values.odd())}`);
    const list = args.length === 0 ? '' : `(${args.join(', ')})`;
    const type = getNamedType(field.type);
    const hasFields = isObjectType(type) !== this.isFlawed();
    if (!hasFields) return `${field.name}${list}`;
    return `${field.name}${list} ${isObjectType(type) ? this.selection(type, depth - 1) : '{ a }'}`;
  }

  /** Written out, or as a variable with or without a default. */
  private argument(type: GraphQLInputType, name: string): string {
    const { draw, values } = this;
    const value = this.isFlawed() ? values.odd() : values.fitting(type, name);
    const fitsDocument = !hasJson(type);
    if (fitsDocument && draw.oneIn(2)) return toLiteral(value);
    const variable = this.isFlawed() ? draw.pick(PROTOTYPE_NAMES) : `v${String(this.definitions.length)}`;
    const declared = this.isFlawed()
      ? draw.pick(['String', 'ID', '[ID!]!', 'User', 'Nonsense'])
      : String(type);
    const isDefault = fitsDocument && value !== null && draw.oneIn(4);
    if (!this.isFlawed())
      this.definitions.push(`$${variable}: ${declared}${isDefault ? ` = ${toLiteral(value)}` : ''}`);
    if (!isDefault || draw.oneIn(2)) this.given.push([variable, value]);
    return `$${variable}`;
  }
}

/** Whether a value can hold what a document cannot write: names of any kind. */
function hasJson(type: GraphQLInputType): boolean {
  return ['JSON', 'JSONObject', 'SubmitActionInput'].includes(getNamedType(type).name);
}
