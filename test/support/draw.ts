import fc from 'fast-check';

/** What a prototype has, and what programs ask objects for without having put it there. */
export const PROTOTYPE_NAMES = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'toJSON', 'valueOf', 'hasOwnProperty', 'then'],
  ...['__defineGetter__', 'length', 'isPrototypeOf', '__lookupGetter__', '__typename'],
];

/** Where a caller's own mark goes, once it is known who sends it. */
export const OWN_MARK = 'OWNMARK';

// As functions of no argument, which `fc.gen` knows again without comparing what they were called with.
const number = () => fc.noBias(fc.nat(2 ** 31 - 1));
const plainText = () => fc.string({ maxLength: 12 });
const unicodeText = () => fc.string({ unit: 'binary', maxLength: 8 });

/** Chances, taken from fast-check: the same seed gives the same again. */
export class Draw {
  constructor(private readonly generate: fc.GeneratorValue) {}

  /** A whole number from 0 to the most, inclusive. */
  upTo(max: number): number {
    return this.generate(number) % (max + 1);
  }

  /** Once in so many times. */
  oneIn(times: number): boolean {
    return this.upTo(times - 1) === 0;
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[this.upTo(list.length - 1)];
    if (picked === undefined) throw new Error('There is nothing to pick from');
    return picked;
  }

  /** What one of several makes, each as likely. */
  oneOf<T>(...makers: readonly (() => T)[]): T {
    return this.pick(makers)();
  }

  list<T>(most: number, make: (index: number) => T): T[] {
    return Array.from({ length: this.upTo(most) }, (_none, index) => make(index));
  }

  /** Text of any kind that a person or a program could send; now and then what is found in both organizations. */
  text(): string {
    const plain = (): string => this.generate(plainText);
    return this.oneOf(
      () => `${OWN_MARK} ${plain()}`,
      () => this.pick(['zqx', 'test-agent', 'action_approved', 'approve', '%', '_', '*', '', ' ']),
      plain,
      () => this.generate(unicodeText),
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
