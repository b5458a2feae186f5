import { cpus, totalmem } from 'node:os';
import { isReached, type Measured, type Side } from './measured';

/** This machine, as whoever compares figures has to know it. */
export function describeMachine(postgresVersion: string): string {
  const processors = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return [
    `${String(processors.length)} × ${processors[0]?.model.trim() ?? 'unknown processor'}`,
    `${String(memory)} GB`,
    `Node.js ${process.versions.node}`,
    `PostgreSQL ${postgresVersion}`,
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

/** The result as a Markdown table, which a terminal shows well enough. */
export function tableOf(measured: readonly Measured[]): string {
  const rows = [HEADINGS, ...measured.map(rowOf)];
  const widths = HEADINGS.map((_heading, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  const [heading = HEADINGS, ...body] = rows;
  return [line(heading), rule, ...body.map(line)].join('\n');
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

function latenciesOf({ p50, p99 }: Side): string {
  return p50 === null ? '' : `${p50.toFixed(1)} / ${p99?.toFixed(1) ?? ''}`;
}

function valueOf({ value, unit }: Measured): string {
  if (unit === 'ratio') return `${value.toFixed(2)} ×`;
  return `${value.toFixed(unit === 'ms' ? 2 : 0)} ${unit}`;
}
