import { isReached, type Measured } from './measured';
import { valueOf } from './report';

const WIDTH = 900;
const ROW = 34;
const TOP = 64;
/** Where bars start, and the length of a bar that just reaches its target. */
const BAR = { x: 430, unit: 150 };
/** Longer bars are cut; their labels show the value. */
const LONGEST = 2.2;

/** Returns an SVG of the ratios: one bar each, and a line for the target. */
export function pictureOf(measured: readonly Measured[], caption: string): string {
  const ratios = measured.filter(({ unit, reach }) => unit === 'ratio' && 'atLeast' in reach);
  const bottom = TOP + ratios.length * ROW;
  const line = BAR.x + BAR.unit;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${String(WIDTH)}" height="${String(bottom + 44)}" font-family="sans-serif" font-size="13">
  <rect width="100%" height="100%" fill="#ffffff"/>
  <text x="16" y="26" font-size="16" fill="#1f2328">How fast, compared to what</text>
  <text x="${String(line)}" y="48" text-anchor="middle" fill="#57606a">aim</text>
${ratios.map((one, index) => barOf(one, TOP + index * ROW)).join('\n')}
  <line x1="${String(line)}" y1="${String(TOP - 8)}" x2="${String(line)}" y2="${String(bottom)}" stroke="#57606a" stroke-dasharray="4 3"/>
  <text x="16" y="${String(bottom + 28)}" font-size="11" fill="#57606a">${escaped(caption)}</text>
</svg>
`;
}

function barOf(one: Measured, y: number): string {
  const { title, floorName, value, reach } = one;
  const aim = 'atLeast' in reach ? reach.atLeast : reach.atMost;
  const length = Math.min(value / aim, LONGEST) * BAR.unit;
  const label = `${valueOf(one)}, aim ${String(aim)}`;
  return `  <text x="16" y="${String(y + 9)}" fill="#1f2328">${escaped(title)}</text>
  <text x="16" y="${String(y + 22)}" font-size="10" fill="#57606a">compared to: ${escaped(floorName)}</text>
  <rect x="${String(BAR.x)}" y="${String(y)}" width="${length.toFixed(1)}" height="20" fill="${isReached(one) ? '#2f6fb3' : '#d1782a'}"/>
  <text x="${(BAR.x + length + 6).toFixed(1)}" y="${String(y + 15)}" fill="#1f2328">${escaped(label)}</text>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
