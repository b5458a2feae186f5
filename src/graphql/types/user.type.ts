import { Field, Float, ID, Int, ObjectType } from 'type-graphql';
import type { Role } from '../../domain/principal';
import { connectionType } from './connection.type';
import { RoleEnum } from './enums';

@ObjectType('User', { description: 'A person of the organization.' })
export class UserType {
  @Field(() => ID)
  id!: number;

  @Field(() => String)
  name!: string;

  @Field(() => RoleEnum)
  role!: Role;

  @Field(() => Int, {
    nullable: true,
    description: "The person's own approval level; null for the role's default.",
  })
  approvalLevel!: number | null;

  @Field(() => Float, {
    nullable: true,
    description: "The highest score, inclusive; null for the organization's.",
  })
  maxRiskScore!: number | null;

  @Field(() => Boolean)
  active!: boolean;
}

export const UserConnectionType = connectionType('User', UserType);
