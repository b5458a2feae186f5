import { GraphQLSafeInt } from 'graphql-scalars';
import { Field, Float, ID, Int, ObjectType } from 'type-graphql';
import type { FaultKind, AuditVerdict } from '../../audit/verification';
import { DateTime } from './date-time';
import { AuditVerdictEnum, FaultKindEnum } from './enums';

@ObjectType('AuditCheckpoint', {
  description:
    "A signed statement of the size and the root hash of the audit log's Merkle tree (C2SP tlog-checkpoint).",
})
export class AuditCheckpointType {
  @Field(() => String, { description: "The name of the organization's log." })
  origin!: string;

  @Field(() => GraphQLSafeInt, { description: 'Number of leaves.' })
  treeSize!: number;

  @Field(() => String, { description: 'Base64.' })
  rootHash!: string;

  @Field(() => String, {
    description: 'The checkpoint as a signed note. Keep it to prove later what the log contained.',
  })
  note!: string;

  @Field(() => DateTime)
  sealedAt!: Date;
}

@ObjectType('AuditInclusionProof', {
  description: 'Proves that the tree of a checkpoint contains an entry (RFC 6962, section 2.1.1).',
})
export class AuditInclusionProofType {
  @Field(() => ID)
  auditId!: number;

  @Field(() => GraphQLSafeInt)
  leafIndex!: number;

  @Field(() => String, { description: 'SHA-256(0x00 || canonical), base64.' })
  leafHash!: string;

  @Field(() => String, { description: 'The canonical bytes of the entry, as text.' })
  canonical!: string;

  @Field(() => [String], { description: 'The audit path from the leaf to the root, base64.' })
  hashes!: readonly string[];

  @Field(() => AuditCheckpointType)
  checkpoint!: AuditCheckpointType;
}

@ObjectType('AuditConsistencyProof', {
  description: 'Proves that a tree begins with the whole of a smaller tree (RFC 6962, section 2.1.2).',
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

@ObjectType('AuditFault', { description: 'A fault in the audit log.' })
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

@ObjectType('AuditVerification', { description: 'The result of a verification of the audit log.' })
export class AuditVerificationType {
  @Field(() => Boolean, { description: 'Whether no fault was found.' })
  isIntact!: boolean;

  @Field(() => AuditVerdictEnum)
  verdict!: AuditVerdict;

  @Field(() => GraphQLSafeInt)
  treeSize!: number;

  @Field(() => String, { description: 'The recomputed root hash, base64.' })
  rootHash!: string;

  @Field(() => GraphQLSafeInt, { description: 'Number of entries that were checked.' })
  entries!: number;

  @Field(() => GraphQLSafeInt, { description: 'Number of checkpoints that were checked.' })
  checkpoints!: number;

  @Field(() => AuditFaultType, { nullable: true, description: 'The first fault that was found.' })
  firstFault!: AuditFaultType | null;

  @Field(() => Int)
  faultCount!: number;

  @Field(() => [String], { description: 'What was not proven, and other remarks.' })
  remarks!: readonly string[];
}

@ObjectType('AuditSummaryGroup', { description: 'Counts over one group of audit log entries.' })
export class AuditSummaryGroupType {
  @Field(() => String, {
    nullable: true,
    description:
      'The key of the group, depending on `groupBy`: a day in UTC, a verdict, a risk level, a user id or a refusal code.',
  })
  key!: string | null;

  @Field(() => Int)
  approved!: number;

  @Field(() => Int)
  denied!: number;

  @Field(() => Int, { description: 'Number of approvals after which more approvals were required.' })
  votes!: number;

  @Field(() => Int, { description: 'Number of denied attempts to decide.' })
  refused!: number;

  @Field(() => Int)
  expired!: number;

  @Field(() => Float, { nullable: true, description: 'Seconds from submission to decision.' })
  medianSecondsToDecide!: number | null;

  @Field(() => Float, { nullable: true })
  p95SecondsToDecide!: number | null;
}
