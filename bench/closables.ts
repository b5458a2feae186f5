/** Open resources, closed in reverse order however the run ends. */
export class Closables {
  private readonly open: (() => Promise<unknown>)[] = [];
  private isClosing = false;

  /** Registers a resource. @throws {Error} once closing has begun; the resource is then closed immediately */
  add(close: () => Promise<unknown>): void {
    this.open.unshift(close);
    if (!this.isClosing) return;
    void this.close().catch(() => undefined);
    throw new Error('The run is being stopped');
  }

  /** Closes everything, even if some of it fails. @throws the first failure */
  async close(): Promise<void> {
    this.isClosing = true;
    const failures: unknown[] = [];
    for (let close = this.open.shift(); close !== undefined; close = this.open.shift())
      await close().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }
}
