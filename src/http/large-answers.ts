import { getHeapStatistics } from 'node:v8';
import { RefusedError } from '../domain/refusal';
import { Admission } from '../persistence/connections/admission';

/**
 * The heap that one answer may need while it is built, in bytes. 10 MB of JSON from the smallest possible objects take
 * twenty times as much in memory, plus the text that is written from them.
 */
const HEAP_PER_ANSWER = 384 * 1024 * 1024;
/** How long an answer waits for room, in milliseconds, and how many answers may wait. */
const MAX_WAIT = 30_000;
const MAX_WAITING = 100;

/** Limits how many large answers the process builds at once, by the size of its heap. Organizations take turns. */
export class LargeAnswers {
  private readonly admission: Admission;

  /** @param atOnce how many answers are built at once; by default, as many as fit into the heap */
  constructor(atOnce = Math.max(1, Math.floor(getHeapStatistics().heap_size_limit / HEAP_PER_ANSWER))) {
    this.admission = new Admission({ size: atOnce, maxWaitMs: MAX_WAIT, maxWaiting: MAX_WAITING });
  }

  /**
   * Waits for room for one answer.
   * @returns a function that releases it
   * @throws {RefusedError} SERVICE_UNAVAILABLE if too many are waiting, or none becomes free in time
   */
  enter(organizationId: number | null): Promise<() => void> {
    return this.admission.enter({ share: 'decision', organizationId }).catch(() => {
      const detail = 'Too many large answers are being written; try again, or ask for fewer rows or fields';
      throw new RefusedError({ code: 'SERVICE_UNAVAILABLE', detail });
    });
  }
}
