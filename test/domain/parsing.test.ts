import fc from 'fast-check';
import { clientCorrelationId, newCorrelationId } from '../../src/domain/correlation';
import { parseId, parseIds, parseReason, type Parsed } from '../../src/domain/parsing';

/** Which ids, reasons and correlation ids are valid (docs/rest-api.md), as tables and properties. */
const MAX_ID = 2 ** 53 - 1;
const LOC = ['body', 'x'];

function isRefused(parsed: Parsed<unknown>): boolean {
  return parsed.faults !== undefined;
}

/** The places and types of the faults. */
function placesOf(parsed: Parsed<unknown>): readonly unknown[] {
  return (parsed.faults ?? []).map(({ loc, type }) => [loc, type]);
}

describe('an id', () => {
  it.each([1, 12345, MAX_ID, '1', '12345', String(MAX_ID)])('is valid as %p', (raw) => {
    expect(parseId(raw, LOC)).toEqual({ value: Number(raw) });
  });

  // As a double, 2^53 + 1 would be rounded to 2^53.
  it.each([
    ...[0, -0, -1, 0.5, 12345.5, 2 ** 53, 2 ** 64, NaN, Infinity, -Infinity],
    ...['0', '-1', '+1', '1.0', '1e3', '0x10', '9007199254740992', '9007199254740993', '9'.repeat(400)],
    ...['', ' ', ' 1', '1 ', '1\n', '1_000', '12x', '١', 'NaN', 'Infinity'],
    ...[null, undefined, true, [1], { id: 1 }, 1n],
  ])('is refused as %p, at its place', (raw) => {
    expect(placesOf(parseId(raw, LOC))).toEqual([[LOC, 'id']]);
  });

  it('is any whole number from 1 to 2^53-1, as a number or as its digits, and nothing else', () => {
    const inside = fc.integer({ min: 1, max: MAX_ID });
    fc.assert(
      fc.property(inside, (id) => {
        expect([parseId(id, LOC), parseId(String(id), LOC)]).toEqual([{ value: id }, { value: id }]);
      }),
    );
    fc.assert(
      fc.property(fc.oneof(fc.double(), fc.bigInt().map(Number)), (number) => {
        const isId = Number.isInteger(number) && number >= 1 && number <= MAX_ID;
        expect(isRefused(parseId(number, LOC))).toBe(!isId);
      }),
    );
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), (number) => {
        const isId = number >= 1n && number <= BigInt(MAX_ID);
        expect(parseId(String(number), LOC).value).toBe(isId ? Number(number) : undefined);
      }),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!/^\d+$/.test(text));
        expect(isRefused(parseId(text, LOC))).toBe(true);
      }),
    );
  });
});

describe('the ids of a bulk', () => {
  it('are reduced to the distinct ones, in the order of their first mention, numbers and digits alike', () => {
    const some = fc.integer({ min: 1, max: 20 });
    const asSent = fc.oneof(some, some.map(String));
    fc.assert(
      fc.property(fc.array(asSent, { minLength: 1, maxLength: 500 }), (raw) => {
        const ids = parseIds(raw, LOC).value ?? [];
        const distinct: number[] = [];
        for (const id of raw.map(Number)) if (!distinct.includes(id)) distinct.push(id);
        expect(ids).toEqual(distinct);
      }),
    );
  });

  it('number 1 to 500 as sent, before duplicates are removed', () => {
    const same = (count: number): number[] => Array.from({ length: count }, () => 12345);
    expect(parseIds(same(500), LOC)).toEqual({ value: [12345] });
    expect(placesOf(parseIds(same(501), LOC))).toEqual([[LOC, 'length']]);
    expect(placesOf(parseIds([], LOC))).toEqual([[LOC, 'length']]);
  });

  it.each([undefined, null, 12345, '12345', { length: 1, 0: 12345 }])('are refused as %p', (raw) => {
    expect(placesOf(parseIds(raw, LOC))).toEqual([[LOC, 'list']]);
  });

  it('are refused as a whole where one is faulty, with the place of each faulty id', () => {
    expect(placesOf(parseIds([12345, 0, 12346, 'x', null], LOC))).toEqual([
      [[...LOC, 1], 'id'],
      [[...LOC, 3], 'id'],
      [[...LOC, 4], 'id'],
    ]);
  });
});

describe('a reason', () => {
  it.each([undefined, null, '', ' ', '\t\r\n  ', '\u0001', '\u200b', '\u3164'])(
    'of %p counts as absent',
    (raw) => {
      expect(parseReason(raw, LOC)).toEqual({ value: null });
    },
  );

  it.each([
    'No',
    '  with blanks around  ',
    'two\nlines',
    '安全 ✓ 👍🏽',
    'e\u0301',
    '\u0001!',
    'x'.repeat(2000),
  ])('is kept unchanged: %p', (raw) => {
    expect(parseReason(raw, LOC)).toEqual({ value: raw });
  });

  it.each([
    ['2,001 characters', 'x'.repeat(2001), 'length'],
    ['2,001 characters outside the basic plane', '👍'.repeat(2001), 'length'],
    ['a megabyte', 'x'.repeat(2 ** 20), 'length'],
    ['U+0000', 'a\0b', 'unicode'],
    ['U+0000 among blanks', ' \0 ', 'unicode'],
    ['the first half of a surrogate pair', 'a\ud83d', 'unicode'],
    ['the second half of a surrogate pair', '\udc4da', 'unicode'],
    ['a surrogate pair the wrong way round', '\udc4d\ud83d', 'unicode'],
    ['a number', 5, 'string'],
    ['false', false, 'string'],
    ['a list', ['No'], 'string'],
    ['an object', {}, 'string'],
  ])('of %s is refused at its place', (_what, raw, type) => {
    expect(placesOf(parseReason(raw, LOC))).toEqual([[LOC, type]]);
  });

  it('is never changed: it is kept, counts as absent where blank, or is refused', () => {
    const texts = fc.string({
      unit: fc.constantFrom(' ', 'a', '\0', '\n', '👍', '\ud83d', '\udc4d'),
      maxLength: 12,
    });
    fc.assert(
      fc.property(texts, (raw) => {
        const isText = raw.isWellFormed() && !raw.includes('\0');
        const kept = raw.trim() === '' ? null : raw;
        expect(parseReason(raw, LOC).value).toBe(isText ? kept : undefined);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a correlation id', () => {
  it('holds the second of the request in UTC and a unique part', () => {
    const at = new Date('2026-01-20T14:35:00.999Z');
    const ids = Array.from({ length: 1000 }, () => newCorrelationId(at));
    for (const id of ids) expect(id).toMatch(/^action_20260120_143500_[0-9a-f]{16}$/);
    expect(new Set(ids).size).toBe(ids.length);
    const times = fc.date({ min: new Date('2000-01-01'), max: new Date('2999-12-31'), noInvalidDate: true });
    fc.assert(
      fc.property(times, (at) => {
        const [, y, mo, d, h, mi, s] =
          /^action_(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)_[0-9a-f]{16}$/.exec(newCorrelationId(at)) ?? [];
        const told = [y, mo, d, h, mi, s].map(Number) as [number, number, number, number, number, number];
        told[1] -= 1;
        expect(Date.UTC(...told)).toBe(Math.floor(at.getTime() / 1000) * 1000);
      }),
    );
  });

  it.each(['a', 'asc_1', 'A.b_c:d-9', 'x'.repeat(128)])('of a client is kept: %p', (header) => {
    expect(clientCorrelationId(header)).toBe(header);
  });

  it.each([undefined, '', ' ', 'a b', 'a\n', 'a/b', 'é', 'a,b', 'x'.repeat(129)])(
    'of a client is ignored: %p',
    (header) => {
      expect(clientCorrelationId(header)).toBeNull();
    },
  );

  it('of a client has 1 to 128 of the allowed characters, and no other text is valid', () => {
    const listed = [...'ABCXYZabcxyz0189._:-'];
    const other = [...' \t\n/+=,;"é👍\0'];
    const texts = fc.string({ unit: fc.constantFrom(...listed, ...other), maxLength: 6 });
    fc.assert(
      fc.property(texts, (header) => {
        const isOne = header !== '' && [...header].every((character) => listed.includes(character));
        expect(clientCorrelationId(header)).toBe(isOne ? header : null);
      }),
    );
  });
});
