import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { openCheckpoint, originOf, signCheckpoint, type Generation } from '../domain/checkpoint';
import type { Hash } from '../domain/merkle';
import { signBulkReceipt, signReceipt, type PromisedEntry } from '../domain/receipt';
import { isSameNoteKey, noteKeyText, type NoteKey, type NoteSigner } from '../domain/signed-note';
import type { RootSigner } from '../use-cases/seal-audit-log';
import type { Config } from '../config';
import { loadOrMakeKey } from '../key-file';

/** The key that signs the audit log, and earlier keys whose signatures are still valid. */
export class LogKey implements RootSigner {
  private readonly signer: NoteSigner;

  /**
   * @param name the name of this installation's logs, such as its host name; without spaces and plus signs
   * @param earlierKeys keys that signed before this one, under whatever name; their signatures remain valid
   */
  constructor(
    private readonly name: string,
    privateKey: KeyObject,
    private readonly earlierKeys: readonly NoteKey[] = [],
  ) {
    this.signer = { name, privateKey, publicKey: createPublicKey(privateKey) };
  }

  /** Returns every public key whose signatures are valid, the current one first. */
  get keys(): readonly NoteKey[] {
    return [this.signer, ...this.earlierKeys.filter((key) => !isSameNoteKey(key, this.signer))];
  }

  /** Returns the public keys in the form that verifiers take, one per line. */
  get keysText(): string {
    return this.keys.map((key) => `${noteKeyText(key)}\n`).join('');
  }

  originOf(organizationId: number): string {
    return originOf(this.name, organizationId);
  }

  /** Returns a signed checkpoint of an organization's tree. */
  signRoot(organizationId: number, treeSize: number, rootHash: Hash): string {
    return signCheckpoint({ origin: this.originOf(organizationId), treeSize, rootHash }, this.signer);
  }

  /** Returns the signed checkpoint from which the log continues after an accepted rollback. */
  signGeneration(organizationId: number, treeSize: number, rootHash: Hash, generation: Generation): string {
    const origin = this.originOf(organizationId);
    return signCheckpoint({ origin, treeSize, rootHash, generation }, this.signer);
  }

  /** Returns whether a note is a checkpoint of this tree, signed by any of the keys. */
  hasSigned(organizationId: number, treeSize: number, rootHash: Hash, note: string): boolean {
    const opened = openCheckpoint(note, this.keys);
    return (
      opened?.origin === this.originOf(organizationId) &&
      opened.treeSize === treeSize &&
      opened.rootHash.equals(rootHash)
    );
  }

  /** Returns a signed receipt: the promise that an organization's log will hold an entry. */
  signReceipt(organizationId: number, entry: PromisedEntry): string {
    return signReceipt(this.originOf(organizationId), entry, this.signer);
  }

  /** Returns one signed receipt of several entries. */
  signBulkReceipt(organizationId: number, entries: readonly PromisedEntry[]): string {
    return signBulkReceipt(this.originOf(organizationId), entries, this.signer);
  }
}

/** Returns the key of a development installation from its data folder; creates it on first use. */
export function openDevelopmentLogKey(dataDir: string): KeyObject {
  return loadOrMakeKey(join(dataDir, 'audit-log-key.pem'), () => generateKeyPairSync('ed25519').privateKey);
}

/** Returns the configured key, or else this installation's generated one. */
export function openLogKey({ auditLog, dataDir, isProduction }: Config, say: (line: string) => void): LogKey {
  if (isProduction && auditLog.signingKey === null)
    say(
      `warning: without AUDIT_SIGNING_KEY the audit log is signed with a key that is kept in ${dataDir}; replicas have to share one key`,
    );
  return new LogKey(
    auditLog.name,
    auditLog.signingKey ?? openDevelopmentLogKey(dataDir),
    auditLog.earlierKeys,
  );
}
