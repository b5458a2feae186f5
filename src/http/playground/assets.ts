import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** A file that the page loads. */
export interface Asset {
  readonly type: string;
  readonly body: Buffer;
  /** Changes with the body; weak, as it stands for the compressed body too. */
  readonly etag: string;
  /** Made when it is first asked for. */
  gzipped(): Promise<Buffer>;
}

const SCRIPT = 'text/javascript; charset=utf-8';
const STYLE = 'text/css; charset=utf-8';

/** By name. Nothing else is ever served, so there is no path to climb out of. React's and GraphiQL's files are prebuilt. */
export function readAssets(): ReadonlyMap<string, Asset> {
  return new Map([
    ['page.css', asset(STYLE, join(__dirname, 'page.css'))],
    ['page.mjs', asset(SCRIPT, join(__dirname, 'page.mjs'))],
    ['icon.svg', asset('image/svg+xml', join(__dirname, 'icon.svg'))],
    ['react.js', asset(SCRIPT, inPackage('react', 'umd/react.production.min.js'))],
    ['react-dom.js', asset(SCRIPT, inPackage('react-dom', 'umd/react-dom.production.min.js'))],
    ['graphiql.js', asset(SCRIPT, inPackage('graphiql', 'graphiql.min.js'))],
    ['graphiql.css', asset(STYLE, inPackage('graphiql', 'graphiql.min.css'))],
  ]);
}

/** A file of an installed package, whether or not the package exports it. */
function inPackage(name: string, path: string): string {
  return join(dirname(require.resolve(`${name}/package.json`)), path);
}

function asset(type: string, path: string): Asset {
  const body = readFileSync(path);
  let gzipped: Promise<Buffer> | undefined;
  return {
    type,
    body,
    etag: `W/"${createHash('sha256').update(body).digest('base64url')}"`,
    gzipped: () => (gzipped ??= promisify(gzip)(body)),
  };
}
