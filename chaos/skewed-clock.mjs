// Loaded before a gateway: its clock is so many milliseconds ahead of the machine's, or behind it.
const offset = Number(process.env.CHAOS_CLOCK_OFFSET ?? 0);
const RealDate = Date;

globalThis.Date = class Date extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + offset);
    else super(...args);
  }

  static now() {
    return RealDate.now() + offset;
  }
};
