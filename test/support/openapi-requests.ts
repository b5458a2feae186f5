import fc from 'fast-check';
import { isBlank } from '../../src/domain/text';
import type { OpenApiDocument } from '../../src/rest/openapi/document';
import type { Operation, Parameter } from '../../src/rest/openapi/operation';
import type { Schema } from '../../src/rest/openapi/json-schema';
import { TIME_PATTERN } from '../../src/rest/parameters';

/** A request that was generated from the document. */
export interface MadeRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly rawBody?: string;
  /** Which part of it breaks the document's rules: a parameter's name, `body`, or none. */
  readonly broken: string | null;
}

/** Ids of the demo data, and unknown ones. */
const IDS = [12345, 12346, 12348, 12351, 12353, 12300, 22345, 999_999_999];

/** Requests to every operation of the document, valid ones and others that are broken in one place. */
export function requestsOf(document: OpenApiDocument): fc.Arbitrary<MadeRequest> {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      // The more can be wrong, the more often.
      weight: 1 + operation.parameters.length + (operation.requestBody === undefined ? 0 : 1),
      arbitrary: requestOf(path, method.toUpperCase(), operation),
    })),
  );
  return fc.oneof(...operations);
}

function requestOf(template: string, method: string, operation: Operation): fc.Arbitrary<MadeRequest> {
  const parameters = operation.parameters.filter((parameter) => parameter.in !== 'header');
  const body = operation.requestBody?.content['application/json']?.schema;
  const canBeRepeated = operation.parameters.some(({ name }) => name === KEY);
  const breakable = [
    ...parameters.map(({ name }) => name),
    ...(canBeRepeated ? [KEY] : []),
    ...(body === undefined ? [] : ['body']),
  ];
  const broken = fc.oneof(
    fc.constant(null),
    ...(breakable.length > 0 ? [fc.constantFrom(...breakable)] : []),
  );
  return broken.chain((place) =>
    fc
      .record({
        given: fc.tuple(...parameters.map((parameter) => parameterText(parameter, parameter.name === place))),
        headers: canBeRepeated ? keyHeader(place === KEY) : fc.constant({}),
        payload: body === undefined ? NOTHING : payloadOf(operation, body, place === 'body'),
      })
      .map(({ given, headers, payload }) => {
        const values = new Map(parameters.map(({ name }, index) => [name, given[index] ?? null]));
        const path = template.replaceAll(/\{(\w+)\}/g, (_all, name: string) => values.get(name) ?? '');
        const query = parameters
          .filter((parameter) => parameter.in === 'query' && values.get(parameter.name) !== null)
          .map(({ name }) => `${name}=${values.get(name) ?? ''}`);
        return {
          method,
          path: query.length === 0 ? path : `${path}?${query.join('&')}`,
          ...payload,
          headers: { ...headers, ...payload.headers },
          broken: place,
        };
      }),
  );
}

const NOTHING = fc.constant<Partial<MadeRequest>>({});
const KEY = 'Idempotency-Key';

/** A few keys, so that some are repeated: with the same request, or with another one. */
function keyHeader(isBroken: boolean): fc.Arbitrary<Readonly<Record<string, string>>> {
  if (isBroken) return fc.constantFrom({ [KEY]: 'x'.repeat(256) }, { [KEY]: 'clé' });
  return fc.oneof(
    fc.constant({}),
    fc.nat(20).map((number) => ({ [KEY]: `key ${String(number)}` })),
  );
}

/** As it is written in the address; null for absent. */
function parameterText({ schema, required }: Parameter, isBroken: boolean): fc.Arbitrary<string | null> {
  const text = (isBroken ? brokenText(schema) : validText(schema)).map((raw) => encodeURIComponent(raw));
  return isBroken || required === true ? text : fc.option(text);
}

function validText(schema: Schema): fc.Arbitrary<string> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum.map(String));
  if (schema.type === 'boolean') return fc.constantFrom('true', 'false');
  if (schema.type === 'integer') return integer(schema).map(String);
  if (schema.pattern === TIME_PATTERN)
    return fc
      .date({ min: new Date('0001-01-02'), max: new Date('9998-12-30'), noInvalidDate: true })
      .chain((at) => fc.constantFrom(at.toISOString(), at.toISOString().slice(0, 10)));
  // Values that only the gateway can create: an empty one counts as absent.
  if (schema.format === 'cursor') return fc.constant('');
  return fc.oneof(fc.constantFrom('test-agent', 'action_approved'), text(50));
}

function brokenText(schema: Schema): fc.Arbitrary<string> {
  if (schema.enum !== undefined) return fc.constantFrom('nonsense', '0');
  if (schema.type === 'boolean') return fc.constantFrom('perhaps', '2');
  if (schema.type === 'integer') {
    const { minimum = 0, maximum = 0 } = schema;
    return fc.constantFrom(String(minimum - 1), `${String(maximum)}0`, 'abc', '1.5', '1e3', ' ');
  }
  if (schema.pattern === TIME_PATTERN) return fc.constantFrom('yesterday', '2026-13-01', '2026-02-30', '0');
  if (schema.format === 'cursor') return fc.constantFrom('nonsense', '\0', '{}');
  return fc.constantFrom('\0', 'a\0b');
}

type Payload = Pick<MadeRequest, 'rawBody'> & { readonly type?: string };

function payloadOf(
  { requestBody }: Operation,
  schema: Schema,
  isBroken: boolean,
): fc.Arbitrary<Partial<MadeRequest>> {
  const sent = (payload: fc.Arbitrary<Payload>): fc.Arbitrary<Partial<MadeRequest>> =>
    payload.map(({ rawBody = '', type = 'application/json' }) => ({
      rawBody,
      headers: { 'content-type': type },
    }));
  const json = (values: fc.Arbitrary<unknown>) => values.map((value) => ({ rawBody: JSON.stringify(value) }));
  if (isBroken)
    return sent(
      fc.oneof(
        { weight: 3, arbitrary: json(brokenValue(schema)) },
        { weight: 1, arbitrary: fc.constantFrom({ rawBody: '{' }, { rawBody: '{}', type: 'text/plain' }) },
      ),
    );
  const valid = sent(json(value(schema)));
  return requestBody?.required === true ? valid : fc.oneof(valid, fc.constant({}));
}

/** A value that fits the schema. */
function value(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(value));
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const types = [schema.type ?? 'string'].flat();
  return fc.oneof(...types.map((type) => valueOf(type, schema)));
}

function valueOf(type: string, schema: Schema): fc.Arbitrary<unknown> {
  switch (type) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return integer(schema);
    case 'number':
      return fc.double({ min: schema.minimum ?? 0, max: schema.maximum ?? 1e6, noNaN: true });
    case 'array': {
      const { minItems: minLength = 0, maxItems = 10 } = schema;
      const items = schema.items === undefined ? fc.string() : value(schema.items);
      return fc.array(items, { minLength, maxLength: Math.min(maxItems, 10) });
    }
    case 'object':
      return objectFor(schema);
    default:
      return text(Math.min(schema.maxLength ?? 100, 100), schema.minLength);
  }
}

function objectFor({ properties, required = [] }: Schema): fc.Arbitrary<unknown> {
  if (properties === undefined)
    return fc.dictionary(text(10, 1), fc.oneof(text(10), fc.nat()), { maxKeys: 3 });
  const values = Object.entries(properties).map(([name, schema]) => [name, value(schema)] as const);
  return fc.record(Object.fromEntries(values), { requiredKeys: [...required] });
}

/** A value that fits the schema in all but one respect. */
function brokenValue(schema: Schema): fc.Arbitrary<unknown> {
  const { type, properties = {}, required = [] } = schema;
  const isA = (name: string) => [type ?? []].flat().includes(name);
  const wrong: fc.Arbitrary<unknown>[] = [
    fc.constantFrom(...OF_OTHER_TYPES.filter((one) => !fits(one, schema))),
  ];
  if (schema.maxLength !== undefined) wrong.push(fc.constant('x'.repeat(schema.maxLength + 1)));
  if (schema.pattern !== undefined) wrong.push(fc.constantFrom('a\0b', 'a\ud800b'));
  if (schema.minItems !== undefined) wrong.push(fc.constant(Array<number>(schema.minItems - 1).fill(12345)));
  if (schema.maxItems !== undefined) wrong.push(fc.constant(Array<number>(schema.maxItems + 1).fill(12345)));
  if (schema.items !== undefined) wrong.push(brokenValue(schema.items).map((item) => [12345, item]));
  if (isA('integer')) wrong.push(fc.constantFrom((schema.minimum ?? 0) - 1, 1.5, '12345', 2 ** 53));
  if (isA('number')) wrong.push(fc.constantFrom((schema.minimum ?? 0) - 1, (schema.maximum ?? 0) + 1));
  // Beside the required members, so that no other name of the same value counts instead.
  const needed = Object.fromEntries(Object.entries(properties).filter(([name]) => required.includes(name)));
  for (const [name, property] of Object.entries(properties))
    wrong.push(
      fc
        .record({ whole: value({ ...schema, properties: needed }), part: brokenValue(property) })
        .map(({ whole, part }) => ({ ...(whole as object), [name]: part })),
    );
  for (const name of required)
    wrong.push(value(schema).map((whole) => ({ ...(whole as object), [name]: undefined })));
  return fc.oneof(...wrong);
}

const OF_OTHER_TYPES = [5.5, 'nonsense', true, [[]], { nonsense: true }];

/** Whether a value has a type that the schema allows; many readers treat null and absence alike. */
function fits(one: unknown, { type, enum: values, anyOf }: Schema): boolean {
  if (anyOf !== undefined) return anyOf.some((schema) => fits(one, schema));
  if (values !== undefined) return values.includes(one);
  const own = Array.isArray(one) ? 'array' : typeof one;
  return [type ?? []].flat().some((allowed) => allowed === own);
}

function integer({ minimum = 0, maximum = 0 }: Schema): fc.Arbitrary<number> {
  const any = fc.integer({ min: minimum, max: maximum });
  return maximum === Number.MAX_SAFE_INTEGER ? fc.oneof(fc.constantFrom(...IDS), any) : any;
}

/** Any text: all of Unicode except U+0000. One that may not be empty may not be blank either. */
function text(maxLength: number, minLength = 0): fc.Arbitrary<string> {
  return fc
    .string({ unit: 'binary', minLength, maxLength })
    .map((made) => made.replaceAll('\0', '0'))
    .filter((made) => minLength === 0 || !isBlank(made));
}
