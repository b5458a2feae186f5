import { Blocks } from '../../../src/persistence/rollback/blocks';

/** Sizes of the next blocks after ids were drawn at a steady pace for some periods of 250 ms. */
function sizesAfter(periods: number, drawnPerPeriod: number): { action: number; audit: number } {
  const blocks = new Blocks();
  let sizes = { action: 0, audit: 0 };
  for (let period = 0; period <= periods; period += 1) {
    const drawn = period * drawnPerPeriod;
    sizes = blocks.sizesAt({ action: drawn, audit: drawn }, period * 250);
  }
  return sizes;
}

it.each([
  ['none are drawn', 0, 0, { action: 1_000, audit: 10_000 }],
  ['few are drawn', 4, 10, { action: 1_000, audit: 10_000 }],
  ['many are drawn: enough for two seconds', 4, 1_000, { action: 8_000, audit: 10_000 }],
  ['very many are drawn: no more than ten of the smallest', 4, 100_000, { action: 10_000, audit: 100_000 }],
])('the next block of ids, where %s', (_when, periods, drawn, sizes) => {
  expect(sizesAfter(periods, drawn)).toEqual(sizes);
});

it('the block shrinks again once fewer ids are drawn', () => {
  const blocks = new Blocks();
  blocks.sizesAt({ action: 0, audit: 0 }, 0);
  expect(blocks.sizesAt({ action: 0, audit: 5_000 }, 250).audit).toBe(40_000);
  // Not measured again within a period.
  expect(blocks.sizesAt({ action: 0, audit: 9_000 }, 300).audit).toBe(40_000);
  expect(blocks.sizesAt({ action: 0, audit: 5_000 }, 500).audit).toBe(10_000);
});
