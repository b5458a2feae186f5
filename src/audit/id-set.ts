/** Ids per page of the set. */
const PAGE = 4096;

/** A set of integer ids that takes about one bit per id where they are dense, as the ids of one log are. */
export class IdSet {
  private readonly pages = new Map<number, Uint8Array>();

  /** Adds an id, an integer from 0 to 2^53-1. @returns whether it is new */
  add(id: number): boolean {
    const key = Math.floor(id / PAGE);
    const page = this.pages.get(key) ?? new Uint8Array(PAGE / 8);
    this.pages.set(key, page);
    const [byte, bit] = [Math.floor((id % PAGE) / 8), 1 << (id % 8)];
    const isNew = ((page[byte] ?? 0) & bit) === 0;
    page[byte] = (page[byte] ?? 0) | bit;
    return isNew;
  }
}
