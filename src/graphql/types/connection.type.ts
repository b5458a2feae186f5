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

  @Field(() => Boolean, {
    description:
      'Whether a text search stopped before the end of the list, which happens if no text index is available. Continue from `endCursor`, or from `startCursor` when paging backward.',
  })
  searchLimited!: boolean;
}

/** A Relay connection of a page. The two counts are getters, so that counting starts only if one is selected. */
export class Connection<T> {
  private counted: ReturnType<Page<T>['count']> | undefined;

  constructor(private readonly page: Page<T>) {}

  get edges(): readonly Edge<T>[] {
    return this.page.edges;
  }

  get pageInfo(): PageInfoType {
    const { edges, hasNextPage, hasPreviousPage, searchedTo } = this.page;
    const [first, last] = [edges[0]?.cursor ?? null, edges.at(-1)?.cursor ?? null];
    return {
      hasNextPage,
      hasPreviousPage,
      startCursor: searchedTo?.isBackward === true ? searchedTo.cursor : first,
      endCursor: searchedTo?.isBackward === false ? searchedTo.cursor : last,
      searchLimited: searchedTo !== null,
    };
  }

  get totalCount(): Promise<number> {
    return this.count().then(({ total }) => total);
  }

  get totalCountCapped(): Promise<boolean> {
    return this.count().then(({ capped }) => capped);
  }

  private count(): ReturnType<Page<T>['count']> {
    return (this.counted ??= this.page.count());
  }
}

/** Creates the connection type of a node type, and its edge type. */
export function connectionType(name: string, node: ClassType): ClassType {
  @ObjectType(`${name}Edge`)
  class EdgeType {
    @Field(() => node)
    node!: unknown;

    @Field(() => String, { description: 'The position of this item, for `after` and `before`.' })
    cursor!: string;
  }

  @ObjectType(`${name}Connection`)
  class ConnectionType {
    @Field(() => [EdgeType])
    edges!: EdgeType[];

    @Field(() => PageInfoType)
    pageInfo!: PageInfoType;

    @Field(() => Int, {
      simple: false,
      description: 'Number of matching items, up to 10,000. It is counted only if the field is selected.',
    })
    totalCount!: number;

    @Field(() => Boolean, {
      simple: false,
      description: 'Whether there are more items than `totalCount`.',
    })
    totalCountCapped!: boolean;
  }
  return ConnectionType;
}
