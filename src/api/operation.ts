import type { DocumentNode, ExecutionResult } from 'graphql';
import type { AnswerBudget } from '../domain/answer-budget';
import type { Caller, Requirement } from './caller-checks';

/** A validated document, with the name and the variables of the operation to run. */
export interface Operation {
  readonly document: DocumentNode;
  readonly operationName?: string | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
}

/** Whom an operation is run for, and within which limits. */
export interface OperationRequest extends Caller {
  /** The largest page, in rows: 100 over GraphQL, 1,000 over REST (docs/graphql-api.md#lists). */
  readonly maxPageSize: number;
  /** What a REST path requires instead of its root field's directive. Null over GraphQL. */
  readonly requirement: Requirement | null;
  /** How much the operation may still read, which bounds the size of its answer. */
  readonly budget: AnswerBudget;
}

/** Runs an operation within the limits. It never rejects: refusals and masked errors are in the result. */
export type ExecuteOperation = (operation: Operation, request: OperationRequest) => Promise<ExecutionResult>;

/** Creates the budget of one answer to an organization. Null without a credential. */
export type NewAnswerBudget = (organizationId: number | null) => AnswerBudget;
