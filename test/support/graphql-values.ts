import {
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredInputField,
  type GraphQLInputType,
} from 'graphql';
import { PROTOTYPE_NAMES, type Draw } from './draw';

/** An enum's value: bare in a document, text in variables. */
class EnumName {
  constructor(readonly name: string) {}

  toJSON(): string {
    return this.name;
  }
}

/** A number as it is written, which a double may not hold; {@link toJson} writes it. */
const written = (number: string): string => `@written:${number}`;
const WRITTEN = /"@written:([^"]*)"/g;

/** A value as JSON. */
export function toJson(value: unknown): string {
  return (JSON.stringify(value) as string | undefined)?.replaceAll(WRITTEN, '$1') ?? 'null';
}

/** A value as it is written in a document. */
export function toLiteral(value: unknown): string {
  if (value instanceof EnumName) return value.name;
  if (Array.isArray(value)) return `[${value.map(toLiteral).join(', ')}]`;
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .filter(([name]) => /^[_A-Za-z]\w*$/.test(name))
      .map(([name, one]) => `${name}: ${toLiteral(one)}`)
      .join(', ')}}`;
  return toJson(value);
}

/** Ids of the demo data, of both organizations, and unknown ones. None of them is a mark. */
const IDS = [
  ...[12345, 12346, 12351, 12353, 12300, 12311, 12322, 12333, 22345, 22346, 999_999_999, 1, 2, 3, 4],
  ...[5, 6, 42, 101, 104, 142, 50_001, 50_002, 50_003, 50_010, 50_020, 50_040, 50_080, 9_007_199_254_740_991],
];
const TIMES = [
  ...[
    '2026-01-20T14:35:00.123Z',
    '2026-01-20T14:35:00+14:00',
    '0001-01-01T00:00:00Z',
    '9999-12-31T23:59:59Z',
  ],
  ...['1970-01-01T00:00:00Z', '2100-02-28T12:00:00.999Z'],
];
const SCOPES = ['actions:submit', 'actions:read', 'actions:score', 'audit:read'];
const NUMBERS = [
  ...['1e400', '-1e400', '1e-400', '99999999999999999999999', '-0', '0.1', '2147483648', '9007199254740993'],
  ...['12345678901234567890', '-0.12345678901234567890', '100.00000000000000001', '1e-320', '0e999', '1.50'],
  ...['12345.0', '12345.00000000000000001', '1.7976931348623157e308', '5e-324', '-1', '4294967296', '1E5'],
];

/** Values for the schema's types. */
export class Values {
  /** @param cursors of both organizations' lists */
  constructor(
    private readonly draw: Draw,
    private readonly cursors: readonly string[],
  ) {}

  /** A value that fits the type. `name` is the argument's or field's. */
  fitting(type: GraphQLInputType, name: string, depth = 0): unknown {
    const { draw } = this;
    if (isNonNullType(type)) return this.fittingNamed(type.ofType, name, depth);
    return draw.oneIn(12) ? null : this.fittingNamed(type, name, depth);
  }

  private fittingNamed(type: GraphQLInputType, name: string, depth: number): unknown {
    const { draw } = this;
    if (isListType(type)) return draw.list(3, () => this.fitting(type.ofType, name, depth));
    if (isEnumType(type)) return new EnumName(draw.pick(type.getValues()).name);
    if (isInputObjectType(type)) {
      const fields = Object.values(type.getFields()).filter(
        (field) => isRequiredInputField(field) || draw.oneIn(2),
      );
      return Object.fromEntries(
        fields.map((field) => [field.name, this.fitting(field.type, field.name, depth + 1)]),
      );
    }
    return this.scalar(String(type), name);
  }

  private scalar(type: string, name: string): unknown {
    const { draw } = this;
    switch (type) {
      case 'ID':
        return draw.oneIn(3) ? draw.pick(IDS) : String(draw.pick(IDS));
      case 'Boolean':
        return draw.oneIn(2);
      case 'Int':
      case 'SafeInt':
        return draw.pick([1, 2, 3, 5, 10, 25, 100, 0]);
      case 'Float':
        return draw.pick([0, 10, 39.5, 40, 69, 84.9, 100]);
      case 'DateTime':
        return draw.pick(TIMES);
      case 'JSON':
        return this.json(3);
      case 'JSONObject':
        return Object.fromEntries(draw.list(3, () => [draw.text(), this.json(2)]));
      default:
        return this.words(name);
    }
  }

  private words(name: string): string {
    const { draw } = this;
    if (name === 'scopes') return draw.pick(SCOPES);
    if ((name === 'after' || name === 'before') && !draw.oneIn(4)) return draw.pick(this.cursors);
    // A few keys, so that some are repeated: with the same request, with another one, by another caller.
    if (name === 'idempotencyKey') return `key ${String(draw.upTo(20))}`;
    return draw.text();
  }

  private json(depth: number): unknown {
    const { draw } = this;
    const inside = depth <= 0 ? [] : [() => draw.list(3, () => this.json(depth - 1))];
    return draw.oneOf<unknown>(
      () => draw.text(),
      () => draw.upTo(1000),
      () => draw.pick([true, false, null]),
      () => draw.pick(NUMBERS.map(written)),
      () => Object.fromEntries(draw.list(2, () => [draw.pick(PROTOTYPE_NAMES), draw.oddText()])),
      ...inside,
    );
  }

  /** A value that hardly fits any type. */
  odd(): unknown {
    const { draw } = this;
    return draw.oneOf<unknown>(
      () => null,
      () => draw.oddText(),
      () => draw.text(),
      () => written(draw.pick(NUMBERS)),
      () => draw.pick([true, -1, 1.5, 2 ** 31, 2 ** 53, 101, 251, 501, 1e21]),
      () => new EnumName(draw.pick(['NONSENSE', 'ADMIN', ...PROTOTYPE_NAMES])),
      () => Array.from({ length: draw.pick([0, 1, 4, 501, 2000]) }, () => draw.pick(IDS)),
      () => Object.fromEntries(draw.list(3, () => [draw.pick(PROTOTYPE_NAMES), this.json(1)])),
      () => nested(draw.pick([2, 10, 100, 1000]), draw.oneIn(2)),
    );
  }
}

/** Lists, or objects, nested this deep. */
function nested(depth: number, isList: boolean): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = isList ? [value] : { a: value };
  return value;
}
