import Ajv, { type ValidateFunction } from 'ajv/dist/2020';
import type { OpenApiDocument } from '../../src/rest/openapi/document';
import type { Operation } from '../../src/rest/openapi/operation';

/** The checked parts of an answer. */
export interface Received {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: unknown;
}

/** Answers besides the REST paths that are not described: each has tests of its own. */
const OTHER_APIS = /^\/(graphql|playground|docs|welcome)(\/|$)/;
const ERROR = '#/components/schemas/Error';

/** Compares a gateway's answers with its own /openapi.json. */
export class DocumentedAnswers {
  private readonly ajv = new Ajv({
    strict: false,
    validateFormats: false,
    validateSchema: false,
    // Each answer has a validator, which runs a few times: five times as fast when compiled like this.
    inlineRefs: false,
    code: { optimize: false },
  });
  private readonly validators = new Map<string, ValidateFunction>();
  private readonly paths: readonly { readonly template: string; readonly pattern: RegExp }[];

  constructor(private readonly document: OpenApiDocument) {
    this.ajv.addSchema(document, 'openapi');
    // As the server matches: a fixed part goes before a parameter.
    this.paths = Object.keys(document.paths)
      .sort((a, b) => Number(a.includes('{')) - Number(b.includes('{')))
      .map((template) => ({
        template,
        pattern: new RegExp(`^${template.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]*')}/?$`),
      }));
  }

  /** @throws {Error} for an answer that the document does not promise */
  check(method: string, url: string, answer: Received): void {
    const [path = ''] = url.split('?');
    if (OTHER_APIS.test(path)) return;
    const fault = this.faultOf(method, path, answer);
    if (fault === undefined) return;
    const shown = answer.text.slice(0, 2000);
    throw new Error(`${method} ${url} was answered with ${String(answer.status)}, ${fault}: ${shown}`);
  }

  private faultOf(method: string, path: string, answer: Received): string | undefined {
    const found = this.paths.find(({ pattern }) => pattern.test(path));
    const methods = found && this.document.paths[found.template];
    const isHead = method === 'HEAD';
    const operation = methods?.[(isHead ? 'get' : method).toLowerCase()];
    // HEAD has an answer of its own only where the whole cannot be known before.
    if (isHead && answer.text !== '') return 'although a head has no body';
    if (found === undefined || operation === undefined || (isHead && answer.status === 405))
      return this.faultOfUndescribed(method, answer, found !== undefined);
    const { template } = found;
    return this.faultOfDescribed(template, isHead ? 'get' : method.toLowerCase(), operation, answer, isHead);
  }

  /** A path or a method that is not described is refused, in the form of every error. */
  private faultOfUndescribed(method: string, answer: Received, isKnown: boolean): string | undefined {
    const { status } = answer;
    if (method === 'OPTIONS' && status === 204 && answer.text === '') return undefined;
    const expected = isKnown ? [405, 429, 503] : [404, 405, 429, 503];
    if (!expected.includes(status)) return 'although the document does not have it';
    return method === 'HEAD' ? undefined : this.misfit(ERROR, answer.body);
  }

  private faultOfDescribed(
    template: string,
    method: string,
    operation: Operation,
    answer: Received,
    isHead: boolean,
  ): string | undefined {
    const response = operation.responses[String(answer.status)];
    if (response === undefined) return 'a status that the document does not have there';
    const [type = ''] = (answer.headers.get('content-type') ?? '').split(';');
    if (response.content[type] === undefined) return `as ${type}, which the document does not have there`;
    if (isHead || type !== 'application/json') return undefined;
    const place = [template, method, 'responses', String(answer.status), 'content', type, 'schema'];
    const pointer = place.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1')).join('/');
    return this.misfit(`#/paths/${encodeURI(pointer)}`, answer.body);
  }

  private misfit(pointer: string, body: unknown): string | undefined {
    const known = this.validators.get(pointer);
    const validate = known ?? this.ajv.compile({ $ref: `openapi${pointer}` });
    this.validators.set(pointer, validate);
    if (validate(body)) return undefined;
    return `which is not what the document says (${this.ajv.errorsText(validate.errors)})`;
  }
}
