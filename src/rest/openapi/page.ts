import type { OpenApiDocument, Operation, Parameter, ResponseObject } from './document';
import type { Schema } from './json-schema';

/**
 * The document as a page for people: HTML that needs no script, and whose only style is the one that is given.
 * @param css trusted: our own
 */
export function pageOf(document: OpenApiDocument, css: string): string {
  const { title, version, summary, description } = document.info as Readonly<Record<string, string>>;
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const sections = document.tags.map(({ name, description: said }) => {
    const ofTag = operations.filter(({ operation }) => operation.tags.includes(name));
    const items = ofTag.map(({ path, method, operation }) => operationHtml(path, method, operation));
    return `<section><h2>${escape(name)} <small>${prose(said)}</small></h2>${items.join('')}</section>`;
  });
  const schemas = Object.entries(document.components.schemas as Record<string, Schema>).map(
    ([name, schema]) =>
      `<details id="${escape(name)}"><summary><code>${escape(name)}</code></summary><div>${schemaHtml(schema)}</div></details>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title ?? '')} REST</title>
<style>${css}</style>
</head>
<body>
<header>
<h1>${escape(title ?? '')} <small>${escape(version ?? '')}</small></h1>
<p>${prose(`${summary ?? ''} ${description ?? ''}`)}</p>
<p>For programs: <a href="/openapi.json">openapi.json</a> (OpenAPI ${document.openapi}).</p>
</header>
<main>
${sections.join('\n')}
<section><h2>Schemas</h2>${schemas.join('')}</section>
</main>
</body>
</html>
`;
}

function operationHtml(path: string, method: string, operation: Operation): string {
  const { operationId, summary, description, parameters, requestBody, responses } = operation;
  const body = Object.values(requestBody?.content ?? {}).map(({ schema }) => schemaHtml(schema));
  return `<details id="${escape(operationId)}">
<summary><span class="method ${method}">${method.toUpperCase()}</span> <code>${escape(path)}</code> <span class="soft">${escape(summary)}</span></summary>
<div>
<p>${prose(description)}</p>
<h3>Parameters</h3>
<table>${parameters.map(parameterHtml).join('')}</table>
${body.length === 0 ? '' : `<h3>Body</h3>${body.join('')}`}
<h3>Answers</h3>
<table>${Object.entries(responses)
    .map(([status, response]) => answerHtml(status, response))
    .join('')}</table>
</div>
</details>`;
}

function parameterHtml({ name, in: where, required, description, schema }: Parameter): string {
  const place = required === true ? `${where}, required` : where;
  return row(`<code>${escape(name)}</code>`, place, `${typeHtml(schema)}${said(description)}`);
}

function answerHtml(status: string, { description, content }: ResponseObject): string {
  const isError = Number(status) >= 400;
  const shape = Object.entries(content).map(
    ([type, { schema }]) =>
      `${typeHtml(schema)}${type === 'application/json' ? '' : ` <code>${type}</code>`}`,
  );
  const label = `<span class="${isError ? 'error' : 'post'}">${status}</span>`;
  return row(label, shape.join(', '), prose(description));
}

/** What an object holds, row by row; anything else by its type. */
function schemaHtml(schema: Schema): string {
  if (
    schema.anyOf !== undefined &&
    schema.properties === undefined &&
    schema.anyOf.some((one) => one.properties)
  )
    return `<p>One of:</p>${schema.anyOf.map(schemaHtml).join('')}`;
  if (schema.properties === undefined) return `<p>${typeHtml(schema)}</p>`;
  const rows = Object.entries(schema.properties).map(([name, property]) =>
    row(
      `<code>${escape(name)}</code>`,
      schema.required?.includes(name) === true ? '' : 'optional',
      `${typeHtml(property)}${said(property.description)}${property.properties === undefined ? '' : schemaHtml(property)}`,
    ),
  );
  return `${said(schema.description)}<table>${rows.join('')}</table>`;
}

/** A type in a few words, such as `integer or null, 1 to 500`. */
function typeHtml(schema: Schema): string {
  if (schema.$ref !== undefined) {
    const name = escape(schema.$ref.split('/').at(-1) ?? '');
    return `<a href="#${name}">${name}</a>`;
  }
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeHtml).join(' or ');
  if (schema.items !== undefined) return `list of ${typeHtml(schema.items)}${limitsOf(schema)}`;
  const values = schema.enum ?? (schema.const === undefined ? undefined : [schema.const]);
  if (values !== undefined) return values.map((value) => `<code>${escape(String(value))}</code>`).join(', ');
  return `${escape([schema.format ?? schema.type ?? 'any'].flat().join(' or '))}${limitsOf(schema)}`;
}

function limitsOf({ minimum, maximum, minItems, maxItems, maxLength, default: standard }: Schema): string {
  const [from, to] = [minimum ?? minItems, maximum ?? maxItems];
  const parts = [
    from !== undefined && to !== undefined && `${String(from)} to ${String(to)}`,
    maxLength !== undefined && `at most ${String(maxLength)} characters`,
    standard !== undefined && `else ${JSON.stringify(standard)}`,
  ].filter((part) => part !== false);
  return parts.map((part) => `, ${escape(part)}`).join('');
}

function row(...cells: readonly string[]): string {
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
}

function said(description: string | undefined): string {
  return description === undefined ? '' : ` <span class="soft">${prose(description)}</span>`;
}

/** Text in which what stands between backticks is code. */
function prose(text: string): string {
  return escape(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>');
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escape(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
}
