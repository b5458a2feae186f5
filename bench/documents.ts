import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Measured } from './measured';
import { pictureOf } from './picture';
import { scaleTableOf, tableOf } from './report';
import type { ScalePoint } from './scale';

const DOCS = join(__dirname, '..', 'docs');

/** A section of docs/benchmarks.md that a run writes, between two comments. */
type Section = 'standard' | 'scale';

/** The results of a run, as stored beside the table. */
export interface Report {
  /** ISO 8601. */
  readonly date: string;
  readonly machine: string;
  readonly measured: readonly Measured[];
}

export interface ScaleReport extends Omit<Report, 'measured'> {
  readonly points: readonly ScalePoint[];
}

/** Writes the table, picture and figures of the standard workloads into the documentation. */
export function writeStandard(report: Report): void {
  const where = `Measured on ${report.date.slice(0, 10)}: ${report.machine}.`;
  writeFileSync(join(DOCS, 'benchmarks.svg'), pictureOf(report.measured, where));
  writeFileSync(join(DOCS, 'benchmarks.json'), jsonOf(report));
  writeSection(
    'standard',
    `${where}\n\n![The ratios as bars](benchmarks.svg)\n\n${tableOf(report.measured)}`,
  );
}

/** Writes the table of the scales into the documentation. */
export function writeScale({ date, machine, points }: ScaleReport): void {
  const where = `Measured on ${date.slice(0, 10)}: ${machine}.`;
  writeSection('scale', `${where}\n\n${scaleTableOf(points)}`);
}

/** Replaces a section of docs/benchmarks.md. @throws {Error} if its comments are missing */
function writeSection(section: Section, content: string): void {
  const path = join(DOCS, 'benchmarks.md');
  const text = readFileSync(path, 'utf8');
  const [begin, end] = [`<!-- ${section}: begin -->`, `<!-- ${section}: end -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/benchmarks.md has no ${begin} and ${end}`);
  writeFileSync(path, `${text.slice(0, from)}${begin}\n\n${content}\n\n${text.slice(to)}`);
}

export function jsonOf(report: object): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}
