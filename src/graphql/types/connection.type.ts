import { Field, Int, ObjectType, type ClassType } from 'type-graphql';
import type { Edge, Page } from '../../domain/page';

@ObjectType('PageInfo')
class PageInfoType {
  @Field(() => Boolean)
  hasNextPage!: boolean;

  @Field(() => Boolean)
  hasPreviousPage!: boolean;

  @Field(() => String, { nullable: true })
  startCursor!: string | null;

  @Field(() => String, { nullable: true })
  endCursor!: string | null;
}

/** What a connection's resolvers return: the page, its count not yet counted. */
export interface Connection<T> {
  readonly edges: readonly Edge<T>[];
  readonly pageInfo: PageInfoType;
  readonly totalCount: Promise<number>;
  readonly totalCountCapped: Promise<boolean>;
}

/** A Relay connection of a page. The two counts are getters, so that counting starts only where a client selected one. */
export function connectionOf<T>(page: Page<T>): Connection<T> {
  let counted: ReturnType<Page<T>['count']> | undefined;
  const count = (): ReturnType<Page<T>['count']> => (counted ??= page.count());
  return {
    edges: page.edges,
    get pageInfo() {
      const { edges, hasNextPage, hasPreviousPage } = page;
      const [startCursor, endCursor] = [edges[0]?.cursor ?? null, edges.at(-1)?.cursor ?? null];
      return { hasNextPage, hasPreviousPage, startCursor, endCursor };
    },
    get totalCount() {
      return count().then(({ total }) => total);
    },
    get totalCountCapped() {
      return count().then(({ capped }) => capped);
    },
  };
}

/** The connection type of a node type, with its edge type. */
export function connectionType(name: string, node: ClassType): ClassType {
  @ObjectType(`${name}Edge`)
  class EdgeType {
    @Field(() => node)
    node!: unknown;

    @Field(() => String, { description: 'Stands for this place in the order; for `after` and `before`.' })
    cursor!: string;
  }

  @ObjectType(`${name}Connection`)
  class ConnectionType {
    @Field(() => [EdgeType])
    edges!: EdgeType[];

    @Field(() => PageInfoType)
    pageInfo!: PageInfoType;

    @Field(() => Int, { description: 'Counted only when asked for, and to 10,000 at most.' })
    totalCount!: number;

    @Field(() => Boolean, { description: 'True where there are more than `totalCount` says.' })
    totalCountCapped!: boolean;
  }
  return ConnectionType;
}
