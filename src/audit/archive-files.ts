import { closeSync, openSync, readdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { openCheckpoint, type Checkpoint } from '../domain/checkpoint';
import type { NoteKey } from '../domain/signed-note';
import { notesOf, type ArchivedNote } from './archive-notes';

/** Returns the path of an organization's checkpoint file. */
export function pathOf(folder: string, organizationId: number): string {
  return join(folder, `organization-${String(organizationId)}.checkpoints`);
}

/** Returns the organizations that have a file in this folder. */
export function organizationsIn(folder: string): readonly number[] {
  return readdirSync(folder).flatMap((name) => {
    const id = /^organization-(\d+)\.checkpoints$/.exec(name)?.[1];
    return id === undefined ? [] : Number(id);
  });
}

/** Returns the last complete note of an organization's archive, without verifying it; null where there is none. */
export function lastArchived(folder: string, organizationId: number): string | null {
  return lastWhole(folder, organizationId)?.text ?? null;
}

/** Returns the last complete note of an organization's archive, with its place; null where there is none. */
export function lastWhole(folder: string, organizationId: number): ArchivedNote | null {
  const file = openIfThere(pathOf(folder, organizationId));
  if (file === null) return null;
  try {
    let last: ArchivedNote | null = null;
    for (const note of notesOf(file)) if (note.isWhole) last = note;
    return last;
  } finally {
    closeSync(file);
  }
}

/**
 * Returns the newest checkpoint of a file that a known key signed, skipping damaged notes; null where there is none.
 */
export function newestSigned(
  folder: string,
  organizationId: number,
  keys: readonly NoteKey[],
): Checkpoint | null {
  const file = openIfThere(pathOf(folder, organizationId));
  if (file === null) return null;
  try {
    let newest: Checkpoint | null = null;
    for (const { text } of notesOf(file)) newest = openCheckpoint(text, keys) ?? newest;
    return newest;
  } finally {
    closeSync(file);
  }
}

/** Writes all bytes. A short write is not an error of the system, so writing continues until everything is there. */
export function writeWhole(file: number, bytes: Buffer, position: number): void {
  for (let written = 0; written < bytes.length;) {
    const count = writeSync(file, bytes, written, bytes.length - written, position + written);
    if (count === 0) throw new Error('nothing more can be written');
    written += count;
  }
}

/** Opens a file to read and write it, or to read it in a read-only folder; null where there is none. */
export function openIfThere(path: string): number | null {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    // A read-only folder can still be compared.
    if (code === 'EROFS' || code === 'EACCES') return openSync(path, 'r');
    throw error;
  }
}
