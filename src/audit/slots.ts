import { RefusedError } from '../domain/refusal';

/** How many long-running jobs may run at once. Each holds a connection and a snapshot while it runs. */
export interface SlotLimits {
  /** For one organization, so that it cannot block the others. */
  readonly perOrganization: number;
  readonly inProcess: number;
}

/** Slots for long-running jobs. */
export class Slots {
  private readonly running = new Map<number, number>();
  private count = 0;

  /** @param name the name of the jobs, in the plural */
  constructor(
    private readonly name: string,
    private readonly limits: SlotLimits,
  ) {}

  /**
   * Takes a slot for an organization.
   * @returns a function that releases the slot; later calls have no effect
   * @throws {RefusedError} SERVICE_UNAVAILABLE if no slot is free
   */
  take(organizationId: number): () => void {
    const own = this.running.get(organizationId) ?? 0;
    const { perOrganization, inProcess } = this.limits;
    if (own >= perOrganization) throw this.refused(perOrganization);
    if (this.count >= inProcess) throw this.refused(inProcess);
    this.running.set(organizationId, own + 1);
    this.count += 1;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.count -= 1;
      const left = (this.running.get(organizationId) ?? 1) - 1;
      if (left === 0) this.running.delete(organizationId);
      else this.running.set(organizationId, left);
    };
  }

  private refused(count: number): RefusedError {
    return new RefusedError({
      code: 'SERVICE_UNAVAILABLE',
      detail: `${String(count)} ${this.name} are running; try again once one has ended`,
    });
  }
}
