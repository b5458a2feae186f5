import { pino } from 'pino';
import { runInBackground, type BackgroundWork } from '../src/background';

/** Background work that a gateway repeats, such as the sweep of overdue actions. */
let log: { msg: string; err: { message: string } }[];
let stop: () => Promise<void>;
/** Whether the test has ended in whatever way: nothing of it goes on then. */
let isOver: boolean;
let works: Turns[];

beforeEach(() => {
  [log, works, isOver] = [[], [], false];
  stop = () => Promise.resolve();
});
afterEach(async () => {
  isOver = true;
  for (const turns of works) while (turns.underWay > 0) turns.end();
  await stop();
});

function start(...all: BackgroundWork[]): void {
  const write = (entry: string): unknown => log.push(JSON.parse(entry) as (typeof log)[number]);
  stop = runInBackground(all, pino({ level: 'warn' }, { write }));
}

/** A work whose every run ends when the test says so. */
class Turns {
  /** Runs begun so far. */
  begun = 0;
  /** What the last run was given. */
  signal: AbortSignal | undefined;
  /** Runs under way. */
  private readonly open: { resolve: () => void; reject: (error: Error) => void }[] = [];

  constructor(readonly name: string) {
    works.push(this);
  }

  get work(): BackgroundWork {
    return { name: this.name, everyMs: 1, run: (signal) => this.run(signal) };
  }

  get underWay(): number {
    return this.open.length;
  }

  /** Resolves once so many runs have begun. */
  async reach(begun: number): Promise<void> {
    while (this.begun < begun) await nextRound();
  }

  end(error?: Error): void {
    const turn = this.open.shift();
    if (turn === undefined) throw new Error('No turn is under way');
    if (error === undefined) turn.resolve();
    else turn.reject(error);
  }

  private run(signal: AbortSignal): Promise<void> {
    this.begun += 1;
    this.signal = signal;
    if (isOver) return Promise.resolve();
    return new Promise((resolve, reject) => this.open.push({ resolve, reject }));
  }
}

/** A work that ends at once, whose runs show that others could have run. */
class Ticks {
  count = 0;
  readonly work: BackgroundWork = {
    name: 'tick',
    everyMs: 1,
    run: async () => {
      this.tick();
      await Promise.resolve();
    },
  };

  tick(): void {
    this.count += 1;
  }

  /** Resolves after so many more of its runs. */
  async pass(turns = 10): Promise<void> {
    const goal = this.count + turns;
    while (this.count < goal) await nextRound();
  }
}

async function nextRound(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  if (isOver) throw new Error('The test is over');
}

it('no background work overlaps with itself, however long it takes, or delays another', async () => {
  const [slow, ticks] = [new Turns('be slow'), new Ticks()];
  start(slow.work, ticks.work);
  for (let turn = 1; turn <= 3; turn += 1) {
    await slow.reach(turn);
    await ticks.pass();
    expect([slow.begun, slow.underWay]).toEqual([turn, 1]);
    slow.end();
  }
});

it('background work that fails is logged by name and runs again', async () => {
  const [failing, ticks] = [new Turns('count the sheep'), new Ticks()];
  start(failing.work, ticks.work);
  for (let turn = 1; turn <= 3; turn += 1) {
    await failing.reach(turn);
    failing.end(new Error(`sheep ${String(turn)} is gone`));
  }
  await failing.reach(4);
  expect(log.map(({ msg, err }) => [msg, err.message])).toEqual([
    ['could not count the sheep', 'sheep 1 is gone'],
    ['could not count the sheep', 'sheep 2 is gone'],
    ['could not count the sheep', 'sheep 3 is gone'],
  ]);
});

describe('an operator who stops the gateway', () => {
  it.each([
    ['ends well', undefined],
    ['fails', new Error('too late')],
  ])('tells all background work to end, and waits for it, even for one that %s', async (_how, error) => {
    const [first, second, ticks] = [new Turns('first'), new Turns('second'), new Ticks()];
    start(first.work, second.work, ticks.work);
    await Promise.all([first.reach(1), second.reach(1)]);
    const elsewhere = new Ticks();
    const timer = setInterval(() => {
      if (isOver) clearInterval(timer);
      elsewhere.tick();
    }, 1);
    const told = () => [first, second].map(({ signal }) => signal?.aborted);
    expect(told()).toEqual([false, false]);
    let isStopped = false;
    const stopping = stop().then(() => (isStopped = true));
    expect(told()).toEqual([true, true]);
    for (const turns of [first, second]) {
      await elsewhere.pass();
      expect(isStopped).toBe(false);
      turns.end(error);
    }
    await stopping;
    expect(log).toHaveLength(error === undefined ? 0 : 2);

    const before = [first.begun, second.begun, ticks.count];
    await elsewhere.pass();
    expect([first.begun, second.begun, ticks.count]).toEqual(before);
  });

  it('does not wait where nothing is under way, and can stop twice', async () => {
    const ticks = new Ticks();
    start(ticks.work);
    await ticks.pass();
    await stop();
    await stop();
  });
});
