import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { openCheckpoint, originOf, signCheckpoint, signReceipt, type Generation } from '../domain/checkpoint';
import type { Hash } from '../domain/merkle';
import { isSameNoteKey, noteKeyText, type NoteKey, type NoteSigner } from '../domain/signed-note';
import type { RootSigner } from '../use-cases/seal-audit-log';
import type { Config } from '../config';
import { loadOrMakeKey } from '../key-file';

/** The key that signs the audit log, and those that did. */
export class LogKey implements RootSigner {
  private readonly signer: NoteSigner;

  /**
   * @param name of this installation's logs, such as its host name; without spaces and plus signs
   * @param earlierKeys that signed before this one, under whatever name: their signatures still count
   */
  constructor(
    private readonly name: string,
    privateKey: KeyObject,
    private readonly earlierKeys: readonly NoteKey[] = [],
  ) {
    this.signer = { name, privateKey, publicKey: createPublicKey(privateKey) };
  }

  /** Every public key whose signatures count, the present one first. */
  get keys(): readonly NoteKey[] {
    return [this.signer, ...this.earlierKeys.filter((key) => !isSameNoteKey(key, this.signer))];
  }

  /** The public keys as verifiers take them, one per line. */
  get keysText(): string {
    return this.keys.map((key) => `${noteKeyText(key)}\n`).join('');
  }

  originOf(organizationId: number): string {
    return originOf(this.name, organizationId);
  }

  /** A checkpoint of an organization's tree, signed. */
  signRoot(organizationId: number, treeSize: number, rootHash: Hash): string {
    return signCheckpoint({ origin: this.originOf(organizationId), treeSize, rootHash }, this.signer);
  }

  /** The checkpoint that an accepted rollback goes on from, signed. */
  signGeneration(organizationId: number, treeSize: number, rootHash: Hash, generation: Generation): string {
    const origin = this.originOf(organizationId);
    return signCheckpoint({ origin, treeSize, rootHash, generation }, this.signer);
  }

  hasSigned(organizationId: number, treeSize: number, rootHash: Hash, note: string): boolean {
    const opened = openCheckpoint(note, this.keys);
    return (
      opened?.origin === this.originOf(organizationId) &&
      opened.treeSize === treeSize &&
      opened.rootHash.equals(rootHash)
    );
  }

  /** The promise, signed, that an organization's log will hold a leaf. */
  signReceipt(organizationId: number, auditId: number, leafHash: Hash): string {
    return signReceipt({ origin: this.originOf(organizationId), auditId, leafHash }, this.signer);
  }
}

/** The key of a development installation, in its data folder, made on first use. */
export function openDevelopmentLogKey(dataDir: string): KeyObject {
  return loadOrMakeKey(join(dataDir, 'audit-log-key.pem'), () => generateKeyPairSync('ed25519').privateKey);
}

/** The configured key, or the one that this installation made for itself. */
export function openLogKey({ auditLog, dataDir, isProduction }: Config, say: (line: string) => void): LogKey {
  if (isProduction && auditLog.signingKey === null)
    say(
      `warning: without AUDIT_SIGNING_KEY the audit log is signed with a key that is kept in ${dataDir}; replicas need one key`,
    );
  return new LogKey(
    auditLog.name,
    auditLog.signingKey ?? openDevelopmentLogKey(dataDir),
    auditLog.earlierKeys,
  );
}
