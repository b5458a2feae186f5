import { side, type Measured, type ProcessorTime } from '../../bench/measured';
import { longestOf, readStop } from '../../bench/longest-stop';
import { pictureOf } from '../../bench/picture';
import { tableOf } from '../../bench/report';
import { byProcessorTime, processorRatio, sideOf, type Round } from '../../bench/rounds';

/** A round of 100 operations; the processor times are totals. */
function round(processor: ProcessorTime): Round {
  return { count: 100, seconds: 2, latencies: [1, 2, 3], processor };
}

const OURS = [
  round({ program: 20_000, postgres: 10_000 }),
  round({ program: 24_000, postgres: 16_000 }),
  round({ program: 90_000, postgres: 50_000 }),
];
const FLOOR = [
  round({ program: 5_000, postgres: 15_000 }),
  round({ program: 30_000, postgres: 50_000 }),
  round({ program: 30_000, postgres: 40_000 }),
];

describe('a reader of the benchmark can trust the processor time per operation', () => {
  it('a side’s is the median of its rounds, divided by what was done in each', () => {
    expect(sideOf(OURS).processor).toEqual({ program: 240, postgres: 160 });
    const items = OURS.map((one) => ({ ...one, count: 1_000 }));
    expect(sideOf(items).processor).toEqual({ program: 24, postgres: 16 });
  });

  it('the ratio is the median of the rounds’ own ratios, of program and PostgreSQL together', () => {
    // Of 1.5, 0.5 and 2; the medians of the sides, 400 and 700, would give 0.57.
    expect(processorRatio(OURS, FLOOR)).toBe(1.5);
    expect(processorRatio(OURS.slice(1, 2), FLOOR.slice(1, 2))).toBe(0.5);
  });

  it('a side with twice the operations in the same time has half the ratio', () => {
    expect(
      processorRatio(
        OURS.map((one) => ({ ...one, count: 200 })),
        FLOOR,
      ),
    ).toBe(0.75);
  });

  it.each([
    ['where the system does not tell it', { processor: null }],
    ['where it was not measured', {}],
  ])('a round without processor time, %s, leaves the figure empty instead of wrong', (_where, missing) => {
    const rounds = [...OURS.slice(1), { count: 100, seconds: 2, latencies: [1], ...missing }];
    expect(sideOf(rounds).processor).toBeNull();
    expect(processorRatio(rounds, FLOOR)).toBeNull();
    expect(processorRatio(OURS, rounds)).toBeNull();
  });
});

function line(given: Partial<Measured>): Measured {
  return {
    title: 'approve',
    ours: sideOf(OURS),
    floor: sideOf(FLOOR),
    floorName: 'floor of a decision',
    ...byProcessorTime(OURS, FLOOR, 1),
    ...given,
  };
}

/** The cells of each line of the table. */
function cellsOf(measured: readonly Measured[]): readonly (readonly string[])[] {
  return tableOf(measured)
    .split('\n')
    .map((text) =>
      text
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

describe('a reader of the table sees processor time first', () => {
  it('ratio and parts stand before throughput and latency, and a reach that is missed is named', () => {
    const [headings, , cells] = cellsOf([line({})]);
    expect(headings?.slice(0, 2)).toEqual(['what', '× processor time']);
    expect(cells?.slice(0, 7)).toEqual([
      'approve',
      '**1.50 ×**',
      '',
      '≤ 1 missed',
      '240 + 160 = 400',
      '300 + 400 = 700',
      '50.0/s',
    ]);
  });

  it('a line whose reach is of something else has both, and the one with the reach is bold', () => {
    const [, , cells] = cellsOf([line({ value: 0.9, unit: 'ms', reach: { atMost: 1 } })]);
    expect(cells?.slice(1, 4)).toEqual(['1.50 ×', '**0.90 ms**', '≤ 1']);
  });

  it('what is only reported has no reach, and can miss none', () => {
    const [, , cells] = cellsOf([line({ value: 46, unit: '%', reach: null })]);
    expect(cells?.slice(1, 4)).toEqual(['1.50 ×', '**46 %**', '']);
  });

  it('where the system tells no processor times, the columns stay empty and nothing is missed', () => {
    const unknown = OURS.map((one) => ({ ...one, processor: null }));
    const [, , cells] = cellsOf([
      line({ ours: sideOf(unknown), floor: side({}), ...byProcessorTime(unknown, unknown, 1) }),
    ]);
    expect(cells?.slice(0, 6)).toEqual(['approve', '', '', '≤ 1', '', '']);
  });

  it('the picture has a bar for each ratio of processor time and none for other lines', () => {
    const lines = [
      line({}),
      line({ title: 'its statements', processorRatio: null, unit: 'statements', value: 2 }),
    ];
    const picture = pictureOf(lines, 'here & now');
    expect(picture).toContain('1.50 ×, aim 1');
    expect(picture).toContain('here &amp; now');
    expect(picture).not.toContain('its statements');
    // Of a bar of 165, three fifths are the gateway's.
    expect(picture).toContain('<rect x="490.0" y="64" width="99.0" height="20" fill="#d1782a"/>');
    expect(picture).toContain('<rect x="589.0" y="64" width="66.0"');
  });
});

describe('a reader of the benchmark can trust the longest stop', () => {
  it('it is read from the gateway’s line, with what of it was waiting', () => {
    expect(readStop('stop 12: 19.25 3.5 17')).toEqual({ stop: 19.25, waited: 3.5, busy: 17 });
    expect(() => readStop('stop 12: 19.25')).toThrow('Not a stop');
  });

  it('the longest counts, with its own waiting, and so does the longest without waiting', () => {
    const stops = [
      { stop: 4, waited: 4, busy: 1 },
      { stop: 19, waited: 17, busy: 3 },
      { stop: 7, waited: 1, busy: 6 },
    ];
    expect(longestOf(stops)).toEqual({ stop: 19, waited: 17, busy: 6 });
  });
});
