import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkSync } from 'recheck';
import ts from 'typescript';
import { IDEMPOTENCY_KEY_PATTERN } from '../../src/domain/idempotency';
import { TIME_PATTERN } from '../../src/rest/parameters';

/** Every regular expression of the source takes linear time, by recheck's automaton: nothing is timed. */
const SOURCE = join(__dirname, '..', '..', 'src');

interface Found {
  readonly file: string;
  /** The expression as the file has it. */
  readonly text: string;
  readonly source: string;
  readonly flags: string;
}

/** Patterns that are written once and used in the schema too. */
const NAMED: Readonly<Record<string, string>> = { IDEMPOTENCY_KEY_PATTERN, TIME_PATTERN };

/**
 * Expressions that recheck cannot judge or finds slow, with the only text that each is used on: none comes from a
 * caller.
 */
const OVER_OWN_TEXT: Readonly<Record<string, string>> = {
  'audit/notes.ts': "the gateway's archive of its checkpoints, of which the end alone is read",
  'persistence/audit/audit-entries.ts': 'a constant of the same file, when the process starts',
  'http/playground/page.mjs': "in the browser, the reader's own query",
};

function expressionsIn(file: string): readonly Found[] {
  const parsed = ts.createSourceFile(
    file,
    readFileSync(join(SOURCE, file), 'utf8'),
    ts.ScriptTarget.Latest,
    true,
  );
  const found: Found[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf('/');
      const [source, flags] = [node.text.slice(1, end), node.text.slice(end + 1)];
      found.push({ file, text: node.text, source, flags });
    }
    const isMade =
      (ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.getText() === 'RegExp';
    if (isMade) {
      const [pattern, flags] = node.arguments ?? [];
      const name = pattern?.getText() ?? '';
      // In a class that is built from names, one character is one step.
      const made = /^`\[[^\]]*\]`$/.test(name.replaceAll(/\$\{[^}]*\}/g, 'x')) ? '[x]' : (NAMED[name] ?? '');
      const source = pattern && ts.isStringLiteral(pattern) ? pattern.text : made;
      found.push({
        file,
        text: node.getText(),
        source,
        flags: flags && ts.isStringLiteral(flags) ? flags.text : '',
      });
    }
    ts.forEachChild(node, visit);
  };
  visit(parsed);
  return found;
}

/** Null for an expression that takes linear time on every text. */
function faultOf({ source, flags }: Found): string | null {
  // An expression that is built from a text unknown here.
  if (source === '') return 'unknown';
  // Without recheck's time-out, after which a busy machine would leave an expression unjudged.
  const judged = checkSync(source, flags, { checker: 'automaton', timeout: null });
  if (judged.status === 'safe' && ['safe', 'linear'].includes(judged.complexity.type)) return null;
  return judged.status === 'vulnerable' ? judged.complexity.summary : judged.status;
}

const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((file) =>
  /\.(ts|mjs)$/.test(file),
);
const all = files.flatMap(expressionsIn);

it('a caller cannot make any regular expression take more than linear time', () => {
  const judged = all.filter(({ file }) => OVER_OWN_TEXT[file] === undefined);
  expect(judged.length).toBeGreaterThan(40);
  const slow = judged.flatMap((found) => {
    const fault = faultOf(found);
    return fault === null ? [] : [[found.file, found.text, fault]];
  });
  expect(slow).toEqual([]);
}, 600_000);

it('an expression on the list of exceptions still exists, and recheck still does not find it fast', () => {
  const needless = Object.keys(OVER_OWN_TEXT).filter(
    (file) => !all.some((found) => found.file === file && (faultOf(found) ?? '') !== ''),
  );
  expect(needless).toEqual([]);
}, 600_000);

it('an expression that takes quadratic time in the digits of a number is found', () => {
  const [source, flags] = [String.raw`-?\d+(?:\.\d+|[eE]\d+)`, 'g'];
  expect(faultOf({ file: '', text: '', source, flags })).toContain('polynomial');
}, 600_000);
