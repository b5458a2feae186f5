import { GraphQLSafeInt } from 'graphql-scalars';
import { Arg, Ctx, Directive, ID, Query, Resolver } from 'type-graphql';
import type { AuditProofs } from '../../audit/audit-proofs';
import { verdictOf, type VerificationReport } from '../../audit/verification';
import type { StoredCheckpoint } from '../../persistence/audit/tree.reads';
import type {
  AuditSummaryReads,
  SummaryGroup,
  SummaryKey,
} from '../../persistence/audit/audit-summary.reads';
import { readId } from '../arguments';
import type { ReviewerContext } from '../context';
import { DateTime } from '../types/date-time';
import { SummaryKeyEnum } from '../types/enums';
import {
  AuditCheckpointType,
  AuditConsistencyProofType,
  AuditInclusionProofType,
  AuditSummaryGroupType,
  AuditVerificationType,
} from '../types/tree.type';

const PEOPLE = '@authorize(roles: [ADMIN, SECURITY_MANAGER, MANAGER, USER], credential: JWT)';
const AUDITORS = '@authorize(roles: [ADMIN, SECURITY_MANAGER], credential: JWT)';
const SIZE = { nullable: true } as const;

@Resolver()
export class TreeResolver {
  constructor(
    private readonly proofs: AuditProofs,
    private readonly summaries: AuditSummaryReads,
  ) {}

  @Directive(PEOPLE)
  @Query(() => AuditCheckpointType, {
    nullable: true,
    description: "The newest signed checkpoint of your organization's audit log. Null before the first one.",
  })
  async auditCheckpoint(@Ctx() { principal }: ReviewerContext): Promise<AuditCheckpointType | null> {
    const checkpoint = await this.proofs.latestCheckpoint(principal);
    return checkpoint && this.checkpointOf(principal.organizationId, checkpoint);
  }

  @Directive(PEOPLE)
  @Query(() => AuditInclusionProofType, {
    nullable: true,
    description:
      "Proves that your organization's audit log contains an entry. Null if there is no such entry, or if it is not sealed yet.",
  })
  async auditInclusionProof(
    @Arg('auditId', () => ID) id: string,
    @Ctx() { principal }: ReviewerContext,
  ): Promise<AuditInclusionProofType | null> {
    const auditId = readId(id, 'auditId');
    const proof = await this.proofs.inclusion(principal, auditId);
    if (proof === null) return null;
    const { leafIndex, leafHash, canonical, hashes, checkpoint } = proof;
    return {
      auditId,
      leafIndex,
      leafHash: leafHash.toString('base64'),
      canonical,
      hashes: hashes.map((hash) => hash.toString('base64')),
      checkpoint: this.checkpointOf(principal.organizationId, checkpoint),
    };
  }

  @Directive(PEOPLE)
  @Query(() => AuditConsistencyProofType, {
    description:
      "Proves that your organization's audit log of one size begins with the whole log of a smaller size.",
  })
  async auditConsistencyProof(
    @Arg('fromSize', () => GraphQLSafeInt) fromSize: number,
    @Arg('toSize', () => GraphQLSafeInt) toSize: number,
    @Ctx() { principal }: ReviewerContext,
  ): Promise<AuditConsistencyProofType> {
    const { fromRootHash, toRootHash, hashes } = await this.proofs.consistency(principal, fromSize, toSize);
    return {
      fromSize,
      toSize,
      fromRootHash: fromRootHash.toString('base64'),
      toRootHash: toRootHash.toString('base64'),
      hashes: hashes.map((hash) => hash.toString('base64')),
    };
  }

  @Directive(AUDITORS)
  @Query(() => AuditVerificationType, {
    description:
      'Recomputes the Merkle tree from the entries, and checks entries, actions, policies and checkpoints against each ' +
      'other. `from` (inclusive) and `to` (exclusive) are leaf indices; of entries outside this range, only the hash ' +
      'is used.',
  })
  async verifyAuditLog(
    @Arg('from', () => GraphQLSafeInt, SIZE) from: number | null,
    @Arg('to', () => GraphQLSafeInt, SIZE) to: number | null,
    @Ctx() { principal }: ReviewerContext,
  ): Promise<AuditVerificationType> {
    return verificationOf(await this.proofs.verify(principal, { from, to }));
  }

  @Directive(PEOPLE)
  @Query(() => [AuditSummaryGroupType], {
    description: "Counts over your organization's audit log by group, in descending order of the key.",
  })
  auditSummary(
    @Arg('groupBy', () => SummaryKeyEnum) groupBy: SummaryKey,
    @Arg('from', () => DateTime, { nullable: true, description: 'Inclusive.' }) from: Date | null,
    @Arg('to', () => DateTime, { nullable: true, description: 'Exclusive.' }) to: Date | null,
    @Ctx() { principal }: ReviewerContext,
  ): Promise<readonly SummaryGroup[]> {
    return this.summaries.by(groupBy, principal, from ?? null, to ?? null);
  }

  private checkpointOf(
    organizationId: number,
    { treeSize, rootHash, note, sealedAt }: StoredCheckpoint,
  ): AuditCheckpointType {
    const origin = this.proofs.originOf(organizationId);
    return { origin, treeSize, rootHash: rootHash.toString('base64'), note, sealedAt };
  }
}

function verificationOf(report: VerificationReport): AuditVerificationType {
  const { treeSize, rootHash, entries, checkpoints, faults, faultCount, gaps, remarks } = report;
  const [first] = faults;
  return {
    isIntact: faultCount === 0,
    verdict: verdictOf(report),
    treeSize,
    rootHash,
    entries,
    checkpoints,
    firstFault:
      first === undefined
        ? null
        : {
            ...first,
            leafIndex: first.leafIndex ?? null,
            auditId: first.auditId ?? null,
            actionId: first.actionId ?? null,
          },
    faultCount,
    remarks: [...gaps.map(({ requirement, detail }) => `Not ${requirement}: ${detail}`), ...remarks],
  };
}
