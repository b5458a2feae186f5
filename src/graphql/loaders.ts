import DataLoader from 'dataloader';
import type { Action, Vote } from '../domain/action';
import type { AuditLogEntry } from '../domain/audit-entry';
import { answerTooLarge, type AnswerBudget } from '../domain/answer-budget';
import type { Page } from '../domain/page';
import { RefusedError } from '../domain/refusal';
import type { Principal, User } from '../domain/principal';
import type { ActionContent, ActionReads } from '../persistence/actions/actions.reads';
import type { AuditLogReads } from '../persistence/audit/audit-log.reads';
import type { UserReads } from '../persistence/people/users.reads';
import type { VoteReads } from '../persistence/actions/votes.reads';
import type { ActionSource } from '../use-cases/decisions/authorize-actions';

export interface Reads {
  readonly actions: ActionReads;
  readonly users: UserReads;
  readonly auditLog: AuditLogReads;
  readonly votes: VoteReads;
}

/** One request's loaders. Each batches the loads of a list into one statement and caches them for this request only. */
export interface Loaders {
  readonly action: DataLoader<number, Action | null>;
  /** The submitted JSON of an action that was loaded without it. */
  readonly actionContent: DataLoader<number, ActionContent>;
  readonly user: DataLoader<number, User | null>;
  readonly auditEntry: DataLoader<number, AuditLogEntry | null>;
  /** The votes on an action by its id, in the order in which they were cast. */
  readonly votes: DataLoader<number, readonly Vote[]>;
  /** Loads a page of one action's audit entries. Actions with the same request and fields share one statement. */
  auditEntriesOf(
    actionId: number,
    request: { first: number | null; after: string | null },
    wanted: ReadonlySet<string>,
  ): Promise<Page<AuditLogEntry>>;
}

/**
 * Creates loaders that return only what the viewer may see.
 * @param maxPageSize the largest page, in rows
 * @param budget how much the request may still read
 */
export function makeLoaders(
  viewer: Principal,
  reads: Reads,
  maxPageSize: number,
  budget: AnswerBudget,
): Loaders {
  const entriesByPart = new Map<ReadonlySet<string>, Map<string, DataLoader<number, Page<AuditLogEntry>>>>();
  return {
    // Without the JSON content: no rule needs it, and the fields that show it use `actionContent`.
    action: loaderById((ids) => reads.actions.byIds(viewer, ids)),
    actionContent: new DataLoader<number, ActionContent>(async (ids) => {
      const found = new Map(
        (await reads.actions.contentsOf(viewer, ids, budget)).map((content) => [content.id, content]),
      );
      // Actions are never deleted, so a missing one did not fit into the budget.
      return ids.map((id) => found.get(id) ?? new RefusedError(answerTooLarge(null)));
    }),
    user: loaderById((ids) => reads.users.byIds(viewer, ids)),
    auditEntry: loaderById((ids) => reads.auditLog.byIds(viewer, ids)),
    votes: new DataLoader(async (ids) => {
      const votes = new Map<number, Vote[]>(ids.map((id) => [id, []]));
      for (const vote of await reads.votes.ofActions(viewer, ids, budget))
        votes.get(vote.actionId)?.push(vote);
      return ids.map((id) => votes.get(id) ?? []);
    }),
    auditEntriesOf: (actionId, request, wanted) => {
      const part = JSON.stringify([request.first, request.after]);
      let loaders = entriesByPart.get(wanted);
      if (loaders === undefined)
        entriesByPart.set(wanted, (loaders = new Map<string, DataLoader<number, Page<AuditLogEntry>>>()));
      let loader = loaders.get(part);
      if (loader === undefined) {
        loader = new DataLoader((ids) =>
          reads.auditLog.pagesOfActions(viewer, ids, request, maxPageSize, wanted, budget),
        );
        loaders.set(part, loader);
      }
      return loader.load(actionId);
    },
  };
}

/** Returns a request's loaders as the source of a decision's actions. Stale actions are loaded again. */
export function actionSourceOf(loaders: Loaders, viewerId: number): ActionSource {
  return {
    load: async (ids) =>
      (await loaders.action.loadMany(ids)).map((action) => {
        if (action instanceof Error) throw action;
        return action;
      }),
    votedOn: async (ids) => {
      const votes = await loaders.votes.loadMany(ids);
      const isOwn = (one: readonly Vote[] | Error | undefined): boolean => {
        if (one instanceof Error) throw one;
        return one?.some(({ userId }) => userId === viewerId) === true;
      };
      return new Set(ids.filter((_id, index) => isOwn(votes[index])));
    },
    forget: (ids) => {
      for (const id of ids) loaders.action.clear(id);
      for (const id of ids) loaders.votes.clear(id);
    },
    prime: (action) => {
      loaders.action.clear(action.id).prime(action.id, action);
      loaders.votes.clear(action.id);
    },
  };
}

function loaderById<T extends { readonly id: number }>(
  read: (ids: readonly number[]) => Promise<readonly T[]>,
): DataLoader<number, T | null> {
  return new DataLoader(async (ids) => {
    const found = new Map((await read(ids)).map((item) => [item.id, item]));
    return ids.map((id) => found.get(id) ?? null);
  });
}
