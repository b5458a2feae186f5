import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RUNBOOKS } from '../../src/persistence/connections/outage';

const root = join(__dirname, '..', '..');
const guide = readFileSync(join(root, 'docs', 'operations.md'), 'utf8');

/** The anchors of a page's headings. */
const anchorsOf = (page: string): string[] =>
  [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading.toLowerCase().replaceAll(' ', '-'));

/** The sections below "States", by their anchors. */
const states = new Map(
  guide
    .slice(guide.indexOf('\n## States'))
    .split('\n### ')
    .slice(1)
    .map((section) => [anchorsOf(`# ${section.split('\n')[0] ?? ''}`)[0] ?? '', section]),
);

const pointers = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .flatMap((file) =>
    [...readFileSync(join(root, 'src', file), 'utf8').matchAll(/docs\/operations\.md#([a-z-]+)/g)].map(
      ([, anchor = '']) => ({ file, anchor }),
    ),
  );

it('an operator who follows a log line or an answer finds the section that it names', () => {
  expect(pointers.length).toBeGreaterThan(10);
  const anchors = anchorsOf(guide);
  expect(pointers.filter(({ anchor }) => !anchors.includes(anchor))).toEqual([]);
});

it('an operator reads for each state what it means, what is safe and what to do', () => {
  expect(states.size).toBeGreaterThan(12);
  for (const [anchor, section] of states)
    for (const part of ['- **Meaning**: ', '- **Safe**: ', '- **Do**: '])
      expect([anchor, section.includes(part)]).toEqual([anchor, true]);
});

it('an operator finds a state for each kind of outage and each row of the table of states', () => {
  const rows = [...guide.matchAll(/\]\(#([a-z-]+)\)/g)].map(([, anchor = '']) => anchor);
  const runbooks = Object.values(RUNBOOKS).map((runbook) => runbook.split('#')[1] ?? '');
  expect(rows.length).toBeGreaterThan(9);
  expect([...rows, ...runbooks].filter((anchor) => !states.has(anchor))).toEqual([]);
});
