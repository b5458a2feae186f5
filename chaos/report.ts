import type { RoundResult } from './round';

/** Returns a Markdown table with the totals of each fault's rounds. */
export function tableOf(results: readonly RoundResult[]): string {
  const rows = [...new Set(results.map(({ fault }) => fault))].map((fault) => {
    const of = results.filter((result) => result.fault === fault);
    const sum = (read: (result: RoundResult) => number): string =>
      String(of.reduce((total, result) => total + read(result), 0));
    return [
      fault,
      String(of.length),
      sum(({ injections }) => injections),
      sum(({ sent }) => sent),
      sum(({ succeeded }) => succeeded),
      sum(({ unavailable }) => unavailable),
      sum(({ unanswered }) => unanswered),
      (Math.max(...of.map(({ readyAfter }) => readyAfter)) / 1000).toFixed(1),
      sum(({ violations }) => violations.length),
    ];
  });
  const head = [
    'fault',
    'rounds',
    'injected',
    'requests',
    '2xx',
    '5xx',
    'unanswered',
    'ready after, s',
    'violations',
  ];
  return [head, head.map((_, index) => (index === 0 ? '---' : '---:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}
