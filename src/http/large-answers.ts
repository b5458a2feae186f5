import type { ServerResponse } from 'node:http';
import { getHeapStatistics } from 'node:v8';
import type { AnswerBudget } from '../domain/answer-budget';
import { RefusedError } from '../domain/refusal';
import { Admission } from '../persistence/admission';

/**
 * How much of the heap one answer may need while it is built, in bytes: 10 MB of JSON made of the smallest objects take
 * twenty times as much once they are read, and the texts that are written of them come on top.
 */
const HEAP_PER_ANSWER = 384 * 1024 * 1024;
/** How long an answer waits for room, in milliseconds, and how many do. */
const MAX_WAIT = 30_000;
const MAX_WAITING = 100;
/** How long a client that reads slowly keeps others waiting, in milliseconds: by then its answer is in buffers. */
const MAX_SENDING = 10_000;

/** Bounds how many large answers the process builds at once, by its heap; organizations take turns. */
export class LargeAnswers {
  private readonly admission: Admission;

  /** @param atOnce how many are built at once; if not given, as many as the heap has room for */
  constructor(atOnce = Math.max(1, Math.floor(getHeapStatistics().heap_size_limit / HEAP_PER_ANSWER))) {
    this.admission = new Admission({ size: atOnce, maxWaitMs: MAX_WAIT, maxWaiting: MAX_WAITING });
  }

  /**
   * Waits for room for one answer.
   * @returns what gives it back
   * @throws {RefusedError} SERVICE_UNAVAILABLE where too many wait, or none becomes free in time
   */
  enter(organizationId: number | null): Promise<() => void> {
    return this.admission.enter({ share: 'decision', organizationId }).catch(() => {
      const detail = 'Too many large answers are being written; try again, or ask for fewer rows or fields';
      throw new RefusedError({ code: 'SERVICE_UNAVAILABLE', detail });
    });
  }
}

/** Runs what makes an answer, and gives the room that it needed back once the client has it, or took too long for it. */
export async function untilSent<T>(
  response: ServerResponse,
  budget: AnswerBudget,
  make: () => Promise<T>,
): Promise<T> {
  try {
    return await make();
  } finally {
    const release = (): void => {
      clearTimeout(timer);
      budget.release();
    };
    const timer = setTimeout(release, MAX_SENDING).unref();
    if (response.destroyed || response.writableFinished) release();
    else response.once('close', release);
  }
}
