import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';

/** What a reader of the source meets: files that can be read one after the other, and in one sitting. */
const ROOT = join(__dirname, '..', '..');
const MAX_LINES = 250;
/** Written by `npm run schema`. */
const GENERATED = ['src/rest/operations.types.ts', 'client/src/operations.ts'];

const sources = ['src', join('client', 'src')].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(ROOT, folder, name)),
);

/** The files that a file imports, for their values or only for their types. */
function importsOf(file: string): readonly string[] {
  const { importedFiles } = ts.preProcessFile(readFileSync(file, 'utf8'));
  return importedFiles.flatMap(({ fileName }) => {
    if (!fileName.startsWith('.')) return [];
    const target = join(file, '..', fileName).replace(/\.js$/, '');
    return sources.find((source) => source === `${target}.ts`) ?? [];
  });
}

/** Returns the circles that a walk along imports meets, each as the files that it passes. */
function circlesIn(imports: ReadonlyMap<string, readonly string[]>): readonly string[][] {
  const circles: string[][] = [];
  const done = new Set<string>();
  const walk = (file: string, way: readonly string[]): void => {
    if (way.includes(file)) circles.push([...way.slice(way.indexOf(file)), file]);
    else if (!done.has(file)) {
      for (const target of imports.get(file) ?? []) walk(target, [...way, file]);
      done.add(file);
    }
  };
  for (const file of imports.keys()) walk(file, []);
  return circles;
}

it('a reader who follows imports never comes back to where they began, types included', () => {
  const imports = new Map(sources.map((file) => [file, importsOf(file)]));
  expect([...imports.values()].flat().length).toBeGreaterThan(sources.length);
  expect(circlesIn(imports).map((way) => way.map((file) => relative(ROOT, file)))).toEqual([]);
});

it('a circle of three files would be found, and one of two that import only types', () => {
  const imports = { a: ['b'], b: ['c'], c: ['a', 'd'], d: ['e'], e: ['d'] };
  const circles = circlesIn(new Map(Object.entries(imports)));
  expect(circles.map((way) => way.join(''))).toEqual(['abca', 'ded']);
  expect(ts.preProcessFile("import type { A } from './a';").importedFiles).toHaveLength(1);
});

it('a reader finds no file of more than 250 lines that somebody wrote', () => {
  const lines = (file: string): number => readFileSync(file, 'utf8').split('\n').length - 1;
  const long = sources
    .map((file) => relative(ROOT, file))
    .filter((file) => lines(join(ROOT, file)) > MAX_LINES);
  expect(long.filter((file) => !GENERATED.includes(file))).toEqual([]);
});

it('a reader who opens a room of persistence finds at most twelve files', () => {
  const persistence = join(ROOT, 'src', 'persistence');
  const folders = readdirSync(persistence, { recursive: true, withFileTypes: true }).filter((one) =>
    one.isFile(),
  );
  const byFolder = new Map<string, number>();
  for (const { parentPath } of folders) byFolder.set(parentPath, (byFolder.get(parentPath) ?? 0) + 1);
  expect([...byFolder].filter(([, count]) => count > 12)).toEqual([]);
});
