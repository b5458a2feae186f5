import { Actions } from './actions.ts';
import { Transport, type ClientOptions } from './transport.ts';

export type * from './actions.ts';
export {
  CountersignError,
  isCountersignError,
  type ErrorCode,
  type Facts,
  type InputFault,
} from './error.ts';
export type { ActionFilter, ActionOrder, BulkMode, SubmitActionInput } from './operations.ts';
export type { ClientOptions, Credential } from './transport.ts';

/** A client of one gateway, for one user or program. Works in browsers and in Node 20.3 and newer. */
export class CountersignClient {
  readonly actions: Actions;

  constructor(options: ClientOptions) {
    this.actions = new Actions(new Transport(options));
  }
}
