// Preloaded into a gateway: shifts its clock from the machine's by this many milliseconds, ahead or behind.
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
