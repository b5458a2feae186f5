import { Field, Float, ID, Int, ObjectType } from 'type-graphql';
import type { Role } from '../../domain/role';
import { connectionType } from './connection.type';
import { RoleEnum } from './enums';

@ObjectType('User', { description: 'A user of the organization.' })
export class UserType {
  @Field(() => ID)
  id!: number;

  @Field(() => String)
  name!: string;

  @Field(() => RoleEnum)
  role!: Role;

  @Field(() => Int, {
    nullable: true,
    description: "The user's own approval level. Null if the level of the role applies.",
  })
  approvalLevel!: number | null;

  @Field(() => Float, {
    nullable: true,
    description:
      "The highest risk score that the user may decide, inclusive. Null if the organization's limit applies.",
  })
  maxRiskScore!: number | null;

  @Field(() => Boolean)
  active!: boolean;
}

export const UserConnectionType = connectionType('User', UserType);
