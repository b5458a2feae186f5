import fc from 'fast-check';

/**
 * How many cases a property has, or rounds a race: the long one where LONG_TESTS is 1, as `npm run test:long` sets it.
 */
export function cases<T>(normal: T, long: T): T {
  return process.env['LONG_TESTS'] === '1' ? long : normal;
}

/** How many worlds one round generates. */
const ROUND = 5;
/** When a round stops, in milliseconds, so that one that fails reports what it found before jest gives up on it. */
const ROUND_LIMIT = 300_000;

/** How many times the wanted number of cases are compared before a rare case counts as one that never comes. */
const PATIENCE = 20;

/**
 * Checks one generated world after another until so many cases were compared, and every rare one was among them.
 * @param
 * check compares every case of a world and returns how many there were
 * @param isComplete returns whether the rare cases
 * have come; they are waited for, but not for ever
 */
export async function checkCases<World>(
  wanted: number,
  worlds: fc.Arbitrary<World>,
  check: (world: World) => Promise<number>,
  isComplete: () => boolean = () => true,
): Promise<void> {
  let compared = 0;
  const property = fc.asyncProperty(worlds, async (world) => {
    compared += await check(world);
  });
  while (compared < wanted || (!isComplete() && compared < PATIENCE * wanted)) {
    const before = compared;
    await fc.assert(property, {
      numRuns: ROUND,
      interruptAfterTimeLimit: ROUND_LIMIT,
      markInterruptAsFailure: true,
    });
    if (compared === before) throw new Error('The generated worlds hold no cases');
  }
}

/** Runs each, a few at a time. */
export async function aFewAtATime<T, Answer>(
  items: readonly T[],
  ask: (item: T) => Promise<Answer>,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let start = 0; start < items.length; start += 8)
    answers.push(...(await Promise.all(items.slice(start, start + 8).map(ask))));
  return answers;
}
