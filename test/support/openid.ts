import { fork, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';

/** The provider's behaviour from now on. */
export interface Wish {
  /** `add` signs with a new key and publishes the old ones too; `drop old` publishes the newest one only. */
  readonly keys?: 'add' | 'drop old';
  /** Whether its keys can be fetched: `hang` never answers, `no` closes the connection, `elsewhere` redirects to them. */
  readonly published?: 'yes' | 'no' | 'hang' | 'elsewhere';
}

/** A real OpenID provider in a process of its own. Everybody has an account there, and any password is right. */
export interface OpenidProvider {
  readonly issuer: string;
  readonly jwksUrl: string;
  /** Changes it. @returns how often its keys were fetched so far */
  tell(wish: Wish): Promise<number>;
  /** Logs in as a browser does, for an access token for this resource, or without a resource. */
  logIn(login: string, resource?: string): Promise<{ accessToken: string; idToken: string }>;
  close(): Promise<void>;
}

const CLIENT = 'reviewer-app';
const CALLBACK = 'http://127.0.0.1/callback';

export async function startOpenidProvider(): Promise<OpenidProvider> {
  const child = fork(join(__dirname, 'openid-provider.mjs'), { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const { issuer } = await answerOf<{ issuer: string }>(child);
  return {
    issuer,
    jwksUrl: `${issuer}/jwks`,
    tell: async (wish) => {
      child.send(wish);
      return (await answerOf<{ fetches: number }>(child)).fetches;
    },
    logIn: (login, resource) => logIn(issuer, login, resource),
    close: async () => {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    },
  };
}

function answerOf<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const onExit = (): void => {
      reject(new Error(`The provider ended: ${String(child.stderr?.read())}`));
    };
    child.once('exit', onExit);
    child.once('message', (answer) => {
      child.off('exit', onExit);
      resolve(answer as T);
    });
  });
}

/** The authorization code flow with PKCE: the login form, the consent form, and the code for the tokens. */
async function logIn(
  issuer: string,
  login: string,
  resource: string | undefined,
): Promise<{ accessToken: string; idToken: string }> {
  const verifier = randomBytes(32).toString('base64url');
  const forResource = resource === undefined ? {} : { resource };
  const asked = new URLSearchParams({
    client_id: CLIENT,
    redirect_uri: CALLBACK,
    response_type: 'code',
    scope: resource === undefined ? 'openid' : 'openid decide',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...forResource,
  });
  const callback = await walk(`${issuer}/auth?${asked.toString()}`, [
    { prompt: 'login', login, password: 'any' },
    { prompt: 'consent' },
  ]);
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: CLIENT,
      redirect_uri: CALLBACK,
      code: new URL(callback).searchParams.get('code') ?? '',
      code_verifier: verifier,
      ...forResource,
    }),
  });
  const tokens = (await response.json()) as { access_token?: string; id_token?: string };
  if (tokens.access_token === undefined || tokens.id_token === undefined)
    throw new Error(`No tokens but ${JSON.stringify(tokens)}`);
  return { accessToken: tokens.access_token, idToken: tokens.id_token };
}

/** Follows redirects with cookies, filling in the next form wherever one is shown. @returns the callback's address */
async function walk(start: string, forms: Record<string, string>[]): Promise<string> {
  const cookies = new Map<string, string>();
  const visit = async (url: string, form?: Record<string, string>): Promise<string> => {
    if (url.startsWith(CALLBACK)) return url;
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie },
      ...(form && { method: 'POST', body: new URLSearchParams(form) }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (location !== null) return visit(new URL(location, url).href);
    const next = forms.shift();
    if (response.status !== 200 || next === undefined)
      throw new Error(`The login stopped at ${url}: ${await response.text()}`);
    return visit(url, next);
  };
  return visit(start);
}
