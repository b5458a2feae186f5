/** What no log may contain, by kind. */
const KINDS: Readonly<Record<string, RegExp>> = {
  'a JWT': /eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/,
  'an API key': /csk_[\w-]{43}/,
  'a private key': /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  'an Authorization header': /\b(?:authorization\\?"\s*:\s*\\?"(?!\[Redacted\])|Bearer [\w.~+/-]{8})/i,
  'an X-API-Key header': /\bx-api-key\\?"\s*:\s*\\?"(?!\[Redacted\])/i,
  'a cookie': /"cookie\\?"\s*:\s*\\?"(?!\[Redacted\])/i,
  'a password in an address': /\bpostgres(?:ql)?:\/\/[^\s:@/"]*:[^\s@/"]+@/i,
  'a password in a statement': /\bPASSWORD\s+'[^']/i,
};

/** One text of each kind, as a log could contain it. */
export const SAMPLES: Readonly<Record<string, string>> = {
  'a JWT': 'jwt eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyLTEifQ.c2lnbmF0dXJl',
  'an API key': `key csk_${'A'.repeat(43)}`,
  'a private key': '-----BEGIN PRIVATE KEY-----',
  'an Authorization header': '{\\"authorization\\":\\"Basic dXNlcg==\\"}',
  'an X-API-Key header': '{\\"x-api-key\\":\\"short\\"}',
  'a cookie': '{\\"cookie\\":\\"session=1\\"}',
  'a password in an address': 'postgres://countersign_app:secret@127.0.0.1/countersign',
  'a password in a statement': "CREATE ROLE countersign_app LOGIN PASSWORD 'secret'",
};

/** The secrets in a log, each with the start of its line. */
export function secretsIn(
  log: string,
  passwords: readonly string[],
): { readonly kind: string; readonly line: string }[] {
  return log.split('\n').flatMap((line) => [
    ...Object.entries(KINDS)
      .filter(([, pattern]) => pattern.test(line))
      .map(([kind]) => ({ kind, line: line.slice(0, 300) })),
    ...(passwords.some((password) => line.includes(password))
      ? [{ kind: 'a password of the database', line: line.slice(0, 300) }]
      : []),
  ]);
}
