import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { anchorsOf, prose, read, section, writtenFiles, type WrittenFile } from '../support/documents';

/** Where documents and code point to, compared with what exists. */
const ROOT = join(__dirname, '..', '..');
const MAX_README_LINES = 160;
const files = writtenFiles();
const documents = files.filter(({ path }) => path.endsWith('.md'));

interface Pointer {
  readonly from: string;
  /** A file, relative to the repository. */
  readonly path: string;
  /** The anchor of a heading in it; undefined for the whole file. */
  readonly anchor: string | undefined;
}

/** The Markdown links of a document, except to other sites. */
function linksIn({ path: from, text }: WrittenFile): Pointer[] {
  const targets = [...prose(text).matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)];
  return targets.map(([, target = '']) => {
    const [path = '', anchor] = target.split('#');
    return { from, path: path === '' ? from : normalize(join(dirname(from), path)), anchor };
  });
}

/** Pages of docs/ that a file names by path, with or without a heading's anchor. */
function pagesIn({ path: from, text }: WrittenFile): Pointer[] {
  return [...text.matchAll(/\b(docs\/[\w./-]+\.md)(?:#([\w-]+))?/g)].map(([, path = '', anchor]) => ({
    from,
    path,
    anchor,
  }));
}

function leadsNowhere({ path, anchor }: Pointer): boolean {
  if (!existsSync(join(ROOT, path))) return true;
  return anchor !== undefined && !anchorsOf(read(path)).includes(anchor);
}

describe('a reader who follows a pointer', () => {
  it('from a link in a document finds the file and the heading', () => {
    const links = documents.flatMap(linksIn);
    expect(links.length).toBeGreaterThan(60);
    expect(links.filter(leadsNowhere)).toEqual([]);
  });

  it('from code, a test, a setting or a document finds the page and the heading', () => {
    const pointers = files.flatMap(pagesIn);
    expect(pointers.filter(({ anchor }) => anchor !== undefined).length).toBeGreaterThan(130);
    expect(pointers.filter(leadsNowhere)).toEqual([]);
  });

  it('to a decision by its number finds the decision', () => {
    const known = new Set(readdirSync(join(ROOT, 'docs/decisions')).map((name) => name.slice(0, 4)));
    const named = files.flatMap(({ path, text }) =>
      [...text.matchAll(/docs\/decisions\/(\d+)/g)].map(([, number = '']) => ({ path, number })),
    );
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter(({ number }) => !known.has(number))).toEqual([]);
  });

  it('is never sent to a section of a document that is not in the repository', () => {
    const absent = files.flatMap(({ path, text }) =>
      [...text.matchAll(/\b(?:contract \d[\d.]*|design, ["])/gi)].map(([pointer]) => ({ path, pointer })),
    );
    // Applied migrations stay byte for byte.
    expect(absent.filter(({ path }) => !path.startsWith('migrations/'))).toEqual([]);
  });
});

it('a newcomer reads the README in a few minutes', () => {
  expect(read('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(MAX_README_LINES);
});

/** Whether a text has a function of this name: declared, assigned, or a method. */
function hasFunction(text: string, name: string): boolean {
  const forms = [
    `function\\*? ${name}\\b`,
    `const ${name}\\b`,
    `^  (?:(?:private|async|get) )*${name}(?:<[^>]*>)?\\(`,
  ];
  return forms.some((form) => new RegExp(form, 'm').test(text));
}

it.each(['approveAction over GraphQL', 'approveAction over REST'])(
  'a reader who follows "%s" through the code finds each function in the file that is named',
  (heading) => {
    const lines = section('docs/architecture.md', heading).match(/^\d+\. .*$/gm) ?? [];
    expect(lines.length).toBeGreaterThan(10);
    const steps = lines.map((line) => /^\d+\. `(src\/[^`]+)` `(\w+)` /.exec(line) ?? [line]);
    const wrong = steps.filter(
      ([, file = '', name = '']) =>
        name === '' || !existsSync(join(ROOT, file)) || !hasFunction(read(file), name),
    );
    expect(wrong).toEqual([]);
  },
);

it('a reader who looks for the code or the test behind a statement finds every file and folder that is named', () => {
  const pages = documents.filter(({ path }) => path !== 'CHANGELOG.md').map(({ path }) => path);
  const named = pages.flatMap((page) =>
    [
      ...prose(read(page)).matchAll(
        /`((?:src|test|client|bench|chaos|examples|migrations|docs)\/[^`#*\s]*)/g,
      ),
    ].map(([, path = '']) => ({ page, path })),
  );
  expect(named.length).toBeGreaterThan(60);
  expect(named.filter(({ path }) => !existsSync(join(ROOT, path)))).toEqual([]);
});

it('an operator who looks for a command in docs/operations.md finds each that package.json has for them', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const commands = Object.keys(scripts).filter((name) => scripts[name]?.includes('src/cli/') === true);
  const theirs = commands.filter((name) => !name.includes('schema'));
  const page = section('docs/operations.md', 'Commands');
  expect(theirs.length).toBeGreaterThan(8);
  expect(theirs.filter((name) => !new RegExp(`npm run (?:--silent )?${name}\\b`).test(page))).toEqual([]);
});
