import { median, medianRatio, percentile } from '../../bench/statistics';

describe('a reader of the benchmark can trust its arithmetic', () => {
  it.each([
    [[7], 7],
    [[3, 1, 2], 2],
    [[4, 1, 3, 2], 2.5],
    [[10, 9, 100], 10],
  ])('the median of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  it.each([
    [[5], 0.99, 5],
    [[4, 3, 2, 1], 0.5, 2],
    [Array.from({ length: 100 }, (_, n) => 100 - n), 0.99, 99],
    [Array.from({ length: 1000 }, (_, n) => n), 0.99, 989],
    [[1, 2, 3], 1, 3],
  ])('a percentile is a measured value, by nearest rank', (values, share, expected) => {
    expect(percentile(values, share)).toBe(expected);
  });

  it('a round that was slow for both sides does not change the ratio', () => {
    expect(medianRatio([200, 20, 220], [100, 10, 100])).toBe(2);
  });

  it('no measurement gives no figure, and a round that one side missed gives no ratio', () => {
    expect(() => median([])).toThrow(RangeError);
    expect(() => percentile([], 0.5)).toThrow(RangeError);
    expect(() => medianRatio([1, 2], [1])).toThrow(RangeError);
  });
});
