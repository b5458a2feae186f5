/**
 * Returns the median of one or more numbers; for an even count, the mean of the two in the middle.
 * @throws {RangeError} for no numbers
 */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length === 0) throw new RangeError('There is no median of nothing');
  return (at(sorted, Math.ceil(middle) - 1) + at(sorted, Math.floor(middle))) / 2;
}

/**
 * Returns the smallest of one or more numbers that at least this share of them, above 0 to 1, does not exceed.
 * @throws {RangeError} for no numbers
 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) throw new RangeError('There is no percentile of nothing');
  return at(sorted, Math.max(0, Math.ceil(sorted.length * share) - 1));
}

/**
 * Returns the median of the ratios of two series, round by round. A slow round does not change its ratio.
 * @throws {RangeError} if the series differ in length
 */
export function medianRatio(ours: readonly number[], theirs: readonly number[]): number {
  if (ours.length !== theirs.length) throw new RangeError('A ratio needs as many rounds of both');
  return median(ours.map((value, round) => value / at(theirs, round)));
}

function at(values: ArrayLike<number>, index: number): number {
  const value = values[index];
  if (value === undefined) throw new RangeError(`There is no number ${String(index)}`);
  return value;
}
