import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');
/** Folders without files of this project. */
const FOREIGN = new Set(['node_modules', 'dist', '.git', '.data', 'coverage', 'audit-vectors']);
const WRITTEN = /(\.(ts|mjs|cjs|md|json|yml|html|py|graphql)|\/run)$/;

/** A file of the repository. */
export interface WrittenFile {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
}

/** A file's text. @param path relative to the repository */
export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Every file of the repository that people write, except the lock file. */
export function writtenFiles(folder = ''): readonly WrittenFile[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return FOREIGN.has(entry.name) ? [] : writtenFiles(path);
    return WRITTEN.test(`/${path}`) && path !== 'package-lock.json' ? [{ path, text: read(path) }] : [];
  });
}

/** The anchors of a page's headings, as GitHub makes them: lower case, without punctuation, hyphens for blanks. */
export function anchorsOf(markdown: string): readonly string[] {
  const seen = new Map<string, number>();
  return [...prose(markdown).matchAll(/^#{1,6} +(.+?) *$/gm)].map(([, heading = '']) => {
    const anchor = heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, '')
      .replaceAll(' ', '-');
    const before = seen.get(anchor) ?? 0;
    seen.set(anchor, before + 1);
    return before === 0 ? anchor : `${anchor}-${String(before)}`;
  });
}

/** A page without its blocks of code. */
export function prose(markdown: string): string {
  return markdown.replaceAll(/^```.*?^```/gms, '');
}

/** The text of a page's section, its subsections included. @throws {Error} where there is none of this heading */
export function section(path: string, heading: string): string {
  const lines = prose(read(path)).split('\n');
  const level = (line: string): number => /^(#+) /.exec(line)?.[1]?.length ?? 7;
  const start = lines.findIndex((line) => level(line) < 7 && line.replace(/^#+ /, '') === heading);
  if (start === -1) throw new Error(`${path} has no section "${heading}"`);
  const length = lines.slice(start + 1).findIndex((line) => level(line) <= level(lines[start] ?? ''));
  return lines.slice(start, length === -1 ? undefined : start + 1 + length).join('\n');
}

/** What stands in backquotes in a text, in its order. */
function quotedIn(text: string): readonly string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, quoted = '']) => quoted);
}

/** What stands in backquotes in the first column of a text's tables. */
export function firstColumnOf(text: string): readonly string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .flatMap((line) => quotedIn(line.split(/(?<!\\)\|/)[1] ?? ''));
}
