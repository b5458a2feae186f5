import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Measured } from './measured';
import { pictureOf } from './picture';
import { scaleTableOf, tableOf } from './report';
import type { ScalePoint } from './scale';

const DOCS = join(__dirname, '..', 'docs');

/** A part of docs/benchmarks.md that is written by a run, between two comments. */
type Section = 'standard' | 'scale';

/** What a run found out, as it is kept beside the table. */
export interface Report {
  /** ISO 8601. */
  readonly date: string;
  readonly machine: string;
  readonly measured: readonly Measured[];
}

export interface ScaleReport extends Omit<Report, 'measured'> {
  readonly points: readonly ScalePoint[];
}

/** Puts the standard workloads' table, picture and figures into the documentation. */
export function writeStandard(report: Report): void {
  const where = `Measured on ${report.date.slice(0, 10)}: ${report.machine}.`;
  writeFileSync(join(DOCS, 'benchmarks.svg'), pictureOf(report.measured, where));
  writeFileSync(join(DOCS, 'benchmarks.json'), jsonOf(report));
  writeSection(
    'standard',
    `${where}\n\n![The ratios as bars](benchmarks.svg)\n\n${tableOf(report.measured)}`,
  );
}

/** Puts the scales' table into the documentation. */
export function writeScale({ date, machine, points }: ScaleReport): void {
  const where = `Measured on ${date.slice(0, 10)}: ${machine}.`;
  writeSection('scale', `${where}\n\n${scaleTableOf(points)}`);
}

/** Replaces a section of docs/benchmarks.md. @throws where its comments are missing */
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
