/** Internals that an error may not show, by kind. */
const INSIDES: Readonly<Record<string, RegExp>> = {
  SQL: /\bSELECT\b[^"]*\bFROM\b|\bINSERT INTO\b|\bDELETE FROM\b|\bUPDATE \w+ SET\b|\brelation\b.{1,100}does not exist|\bviolates [\w-]+( \w+)? constraint|\bduplicate key value|\bsyntax error at or near|\bdeadlock detected/i,
  'a stack': /\bat (?:async )?(?:[\w.<>[\]]+ )?\(?(?:file:|node:|\/)[^\s")]+:\d+:\d+|\\n {4}at /,
  'a path of the machine': /node_modules|\bfile:\/\/|[\w-]+\.(?:[cm]?[jt]s):\d+/,
  'an error of the machine':
    /\bE(?:CONNREFUSED|CONNRESET|NOENT|ACCES|TIMEDOUT|PIPE|ADDRINUSE)\b|\b(?:QueryFailed|Type|Range|Reference)Error\b|\bFST_ERR/,
  'a version':
    /\b(?:node(?:\.js)?|fastify|apollo[\w-]*|graphql(?:-js)?|typeorm|postgres(?:ql)?|pg)[ /@]v?\d+\.\d+/i,
};
const HEADERS = ['server', 'x-powered-by', 'via', 'x-runtime'];

/**
 * The internals that an answer shows, or undefined: headers of any answer, the words of an error.
 * @param sent what the
 * request held: an error may repeat it
 */
export function insideIn(
  { status, headers, text }: { readonly status: number; readonly headers: Headers; readonly text: string },
  sent: string,
): string | undefined {
  const header = HEADERS.find((name) => headers.has(name));
  if (header !== undefined) return `the header ${header}`;
  if (status < 400 && !text.startsWith('{"errors":')) return undefined;
  for (const [name, pattern] of Object.entries(INSIDES)) {
    const [found] = pattern.exec(text) ?? [];
    if (found !== undefined && !sent.includes(found)) return `${name}, ${found}`;
  }
  return undefined;
}
