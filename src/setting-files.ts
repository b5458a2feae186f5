import { readFileSync } from 'node:fs';

/** Reads the file that a setting names. Returns null if none is named, or, with a fault added, if it is unreadable. */
export function readFile(name: string, path: string | undefined, faults: string[]): string | null {
  if (path === undefined) return null;
  try {
    return readFileSync(path, 'utf8');
  } catch {
    faults.push(`${name}: there is no readable file at ${path}`);
    return null;
  }
}

/** Reads a PEM from a setting, whose line breaks may be written as \n, or from the file that the setting names. */
export function readPem(name: string, setting: string, faults: string[]): string | null {
  return setting.includes('-----BEGIN') ? setting.replaceAll('\\n', '\n') : readFile(name, setting, faults);
}
