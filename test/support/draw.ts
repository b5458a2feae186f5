import fc from 'fast-check';

/** Names that a prototype has, and that programs look up without having set them. */
export const PROTOTYPE_NAMES = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'toJSON', 'valueOf', 'hasOwnProperty', 'then'],
  ...['__defineGetter__', 'length', 'isPrototypeOf', '__lookupGetter__', '__typename'],
];

/** Where a caller's own mark goes, once the sender is known. */
export const OWN_MARK = 'OWNMARK';

/** Invisible characters: each is blank, or part of a letter. */
const INVISIBLE = [
  ...[
    '\u200b',
    '\u00ad',
    '\u2060',
    '\u3164',
    '\u115f',
    '\uffa0',
    '\ufeff',
    '\u034f',
    '\u202e',
    '\u{e0041}',
    '\ufe0f',
  ],
  ...['\u00a0', '\u3000', '\u2003', '\u2800', '\t', '\n', '\u0007', '\u0085'],
];
/** Letters that look like others, and letters in unusual encodings. */
const LOOKALIKES = [
  ...[
    '\uff44',
    '\u{1d41d}',
    '\u0435',
    '\u03bf',
    '\u0455',
    'lo\u0308',
    '\ufb03',
    '\u0130',
    '\u1e9e',
    'a\u0301\u0316',
  ],
  ...['\u2044', '\u037e', '\u212a', '\u03c2', 'delete', 'Delete_DB', '*', '?'],
];

// As functions without arguments, which `fc.gen` recognizes without comparing arguments.
const number = () => fc.noBias(fc.nat(2 ** 31 - 1));
const plainText = () => fc.string({ maxLength: 12 });
const unicodeText = () => fc.string({ unit: 'binary', maxLength: 8 });

/** Random choices, taken from fast-check: the same seed gives the same ones again. */
export class Draw {
  constructor(private readonly generate: fc.GeneratorValue) {}

  /** A whole number from 0 to the most, inclusive. */
  upTo(max: number): number {
    return this.generate(number) % (max + 1);
  }

  /** A byte string: characters from 0 to 255. @param least the lowest of them */
  bytes(most: number, least = 0): string {
    return this.list(most, () => String.fromCharCode(least + this.upTo(255 - least))).join('');
  }

  /** True once in so many times. */
  oneIn(times: number): boolean {
    return this.upTo(times - 1) === 0;
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[this.upTo(list.length - 1)];
    if (picked === undefined) throw new Error('There is nothing to pick from');
    return picked;
  }

  /** What one of several makes, each equally likely. */
  oneOf<T>(...makers: readonly (() => T)[]): T {
    return this.pick(makers)();
  }

  list<T>(most: number, make: (index: number) => T): T[] {
    return Array.from({ length: this.upTo(most) }, (_none, index) => make(index));
  }

  /** Invisible text. */
  invisibleText(): string {
    return Array.from({ length: 1 + this.upTo(4) }, () => this.pick(INVISIBLE)).join('');
  }

  /** Text that looks like another one. */
  lookalikeText(): string {
    const part = (): string => this.pick(this.oneIn(3) ? INVISIBLE : LOOKALIKES);
    return `${part()}${this.pick(LOOKALIKES)}${part()}`;
  }

  /** Text of any kind that a person or a program could send; sometimes text that both organizations have. */
  text(): string {
    const plain = (): string => this.generate(plainText);
    return this.oneOf(
      () => `${OWN_MARK} ${plain()}`,
      () => this.pick(['zqx', 'test-agent', 'action_approved', 'approve', '%', '_', '*', '', ' ']),
      plain,
      () => this.generate(unicodeText),
      () => (this.oneIn(3) ? this.invisibleText() : this.lookalikeText()),
    );
  }

  /** What no honest client sends. */
  oddText(): string {
    return this.oneOf(
      () => this.pick(PROTOTYPE_NAMES),
      () =>
        this.pick(['\0', 'a\0b', '\ud800', '\udfff\ud800', '\ufeff', '\u202e', '\u2028', '${7*7}', '{{7}}']),
      () => this.pick(["' OR 1=1 --", "'; DROP TABLE actions; --", '../../etc/passwd', '%00', '\\u0000']),
      () => 'x'.repeat(this.pick([201, 2001, 10_001, 70_000])),
      () => '𝒳'.repeat(this.pick([101, 1001])),
    );
  }
}
