import fc from 'fast-check';
import { freshBytes } from '../../src/domain/random-bytes';

/** Random bytes are drawn in pools: no two callers share bytes, and returned bytes never change. */
it('two callers never get the same bytes, and each gets as many as asked for', () => {
  const size = fc.integer({ min: 16, max: 64 });
  const given: { bytes: Buffer; then: string }[] = [];
  fc.assert(
    fc.property(fc.array(size, { minLength: 20, maxLength: 100 }), (sizes) => {
      for (const asked of sizes) {
        const bytes = freshBytes(asked);
        expect(bytes).toHaveLength(asked);
        given.push({ bytes, then: bytes.toString('hex') });
      }
    }),
  );
  expect(given.length).toBeGreaterThan(1_000);
  for (const { bytes, then } of given) expect(bytes.toString('hex')).toBe(then);
  expect(new Set(given.map(({ then }) => then.slice(0, 32))).size).toBe(given.length);
});

it('a caller gets as many bytes as a pool holds, and one more than it has left', () => {
  freshBytes(4_096);
  expect(freshBytes(4_095)).toHaveLength(4_095);
  expect(freshBytes(2)).toHaveLength(2);
  expect(freshBytes(4_096)).toHaveLength(4_096);
});
