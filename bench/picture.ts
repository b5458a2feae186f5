import { isReached, type Measured } from './measured';
import { ratioOf } from './report';

const WIDTH = 960;
const ROW = 34;
const TOP = 64;
/** Where bars start, and the length of a bar as long as the floor's. */
const BAR = { x: 490, unit: 110 };
/** Longer bars are cut; their labels show the value. */
const LONGEST = 3;
const COLORS = {
  reached: '#2f6fb3',
  missed: '#d1782a',
  postgres: '#8b949e',
  text: '#1f2328',
  faint: '#57606a',
};

/** A line of the result with a ratio of processor times. */
type Compared = Measured & { readonly processorRatio: number };

/**
 * Returns an SVG of the ratios of processor time: one bar each, of the gateway's part and PostgreSQL's, a line for the
 * floor, and a mark for the target where there is one.
 */
export function pictureOf(measured: readonly Measured[], caption: string): string {
  const compared = measured.filter((one): one is Compared => typeof one.processorRatio === 'number');
  const bottom = TOP + compared.length * ROW;
  const line = BAR.x + BAR.unit;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${String(WIDTH)}" height="${String(bottom + 62)}" font-family="sans-serif" font-size="13">
  <rect width="100%" height="100%" fill="#ffffff"/>
  <text x="16" y="26" font-size="16" fill="${COLORS.text}">Processor time per operation, compared to the floor’s</text>
  <text x="${String(line)}" y="48" text-anchor="middle" fill="${COLORS.faint}">floor</text>
${compared.map((one, index) => barOf(one, TOP + index * ROW)).join('\n')}
  <line x1="${String(line)}" y1="${String(TOP - 8)}" x2="${String(line)}" y2="${String(bottom)}" stroke="${COLORS.faint}" stroke-dasharray="4 3"/>
  <text x="16" y="${String(bottom + 28)}" font-size="11" fill="${COLORS.faint}">The gateway is blue, or orange if the aim is missed. PostgreSQL is gray. A black mark is the aim.</text>
  <text x="16" y="${String(bottom + 46)}" font-size="11" fill="${COLORS.faint}">${escaped(caption)}</text>
</svg>
`;
}

function barOf(one: Compared, y: number): string {
  const { title, floorName, processorRatio, ours, unit, reach } = one;
  const length = lengthOf(processorRatio);
  const { program, postgres } = ours.processor ?? { program: 1, postgres: 0 };
  const own = (length * program) / (program + postgres);
  const aim = unit === 'processor' && reach !== null && 'atMost' in reach ? reach.atMost : null;
  const color = aim === null || isReached(one) ? COLORS.reached : COLORS.missed;
  const label = `${ratioOf(processorRatio)}${aim === null ? '' : `, aim ${String(aim)}`}`;
  return [
    `<text x="16" y="${String(y + 9)}" fill="${COLORS.text}">${escaped(title)}</text>`,
    `<text x="16" y="${String(y + 22)}" font-size="10" fill="${COLORS.faint}">compared to: ${escaped(floorName)}</text>`,
    barPart(BAR.x, own, y, color),
    barPart(BAR.x + own, length - own, y, COLORS.postgres),
    ...(aim === null ? [] : [barPart(BAR.x + lengthOf(aim) - 1, 2, y, COLORS.text)]),
    `<text x="${(BAR.x + Math.max(length, lengthOf(aim ?? 0)) + 6).toFixed(1)}" y="${String(y + 15)}" fill="${COLORS.text}">${escaped(label)}</text>`,
  ]
    .map((element) => `  ${element}`)
    .join('\n');
}

function barPart(x: number, width: number, y: number, color: string): string {
  return `<rect x="${x.toFixed(1)}" y="${String(y)}" width="${width.toFixed(1)}" height="20" fill="${color}"/>`;
}

function lengthOf(ratio: number): number {
  return Math.min(ratio, LONGEST) * BAR.unit;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
