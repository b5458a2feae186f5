import { GraphQLSafeInt } from 'graphql-scalars';
import { Field, Float, ID, Int, ObjectType } from 'type-graphql';
import type { FaultKind, AuditVerdict } from '../../audit/verification';
import { DateTime } from './date-time';
import { AuditVerdictEnum, FaultKindEnum } from './enums';

@ObjectType('AuditCheckpoint', {
  description: 'What the audit log committed to: every entry of a tree, by its root (C2SP tlog-checkpoint).',
})
export class AuditCheckpointType {
  @Field(() => String, { description: "The organization's log." })
  origin!: string;

  @Field(() => GraphQLSafeInt, { description: 'Leaves.' })
  treeSize!: number;

  @Field(() => String, { description: 'Base64.' })
  rootHash!: string;

  @Field(() => String, {
    description: 'The checkpoint as a signed note: keep it, to show later what was there.',
  })
  note!: string;

  @Field(() => DateTime)
  sealedAt!: Date;
}

@ObjectType('AuditInclusionProof', {
  description: 'That an entry stands in the tree of a checkpoint (RFC 6962 2.1.1).',
})
export class AuditInclusionProofType {
  @Field(() => ID)
  auditId!: number;

  @Field(() => GraphQLSafeInt)
  leafIndex!: number;

  @Field(() => String, { description: 'SHA-256(0x00 || canonical), base64.' })
  leafHash!: string;

  @Field(() => String, { description: "The entry's exact bytes, as text." })
  canonical!: string;

  @Field(() => [String], { description: 'From the leaf to the root, base64.' })
  hashes!: readonly string[];

  @Field(() => AuditCheckpointType)
  checkpoint!: AuditCheckpointType;
}

@ObjectType('AuditConsistencyProof', {
  description: 'That a tree begins with all of a smaller one (RFC 6962 2.1.2).',
})
export class AuditConsistencyProofType {
  @Field(() => GraphQLSafeInt)
  fromSize!: number;

  @Field(() => GraphQLSafeInt)
  toSize!: number;

  @Field(() => String, { description: 'Base64.' })
  fromRootHash!: string;

  @Field(() => String, { description: 'Base64.' })
  toRootHash!: string;

  @Field(() => [String], { description: 'Base64.' })
  hashes!: readonly string[];
}

@ObjectType('AuditFault', { description: 'Something that is wrong with the audit log.' })
export class AuditFaultType {
  @Field(() => FaultKindEnum)
  kind!: FaultKind;

  @Field(() => String)
  detail!: string;

  @Field(() => GraphQLSafeInt, { nullable: true })
  leafIndex!: number | null;

  @Field(() => ID, { nullable: true })
  auditId!: number | null;

  @Field(() => ID, { nullable: true })
  actionId!: number | null;
}

@ObjectType('AuditVerification', { description: 'What a recomputation of the audit log found.' })
export class AuditVerificationType {
  @Field(() => Boolean, { description: 'Whether nothing is wrong.' })
  isIntact!: boolean;

  @Field(() => AuditVerdictEnum)
  verdict!: AuditVerdict;

  @Field(() => GraphQLSafeInt)
  treeSize!: number;

  @Field(() => String, { description: 'Recomputed, base64.' })
  rootHash!: string;

  @Field(() => GraphQLSafeInt, { description: 'Entries that were checked.' })
  entries!: number;

  @Field(() => GraphQLSafeInt, { description: 'Checkpoints that were checked.' })
  checkpoints!: number;

  @Field(() => AuditFaultType, { nullable: true, description: 'The first that was found.' })
  firstFault!: AuditFaultType | null;

  @Field(() => Int)
  faultCount!: number;

  @Field(() => [String], { description: 'What was not proven, and what else should be known.' })
  remarks!: readonly string[];
}

@ObjectType('AuditSummaryGroup', { description: 'What happened in one group of the audit log.' })
export class AuditSummaryGroupType {
  @Field(() => String, {
    nullable: true,
    description:
      "A day in UTC, a verdict, a risk level, a user's id or a refusal's code, by what was grouped.",
  })
  key!: string | null;

  @Field(() => Int)
  approved!: number;

  @Field(() => Int)
  denied!: number;

  @Field(() => Int, { description: 'Approvals that were counted while more were required.' })
  votes!: number;

  @Field(() => Int, { description: 'Refused tries to decide.' })
  refused!: number;

  @Field(() => Int)
  expired!: number;

  @Field(() => Float, { nullable: true, description: 'From submission to decision.' })
  medianSecondsToDecide!: number | null;

  @Field(() => Float, { nullable: true })
  p95SecondsToDecide!: number | null;
}
