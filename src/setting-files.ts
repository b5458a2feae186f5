import { readFileSync } from 'node:fs';

/** The file that a setting names, null where none is; one that cannot be read is a fault. */
export function readFile(name: string, path: string | undefined, faults: string[]): string | null {
  if (path === undefined) return null;
  try {
    return readFileSync(path, 'utf8');
  } catch {
    faults.push(`${name}: there is no readable file at ${path}`);
    return null;
  }
}

/** A PEM that stands in a setting, its line breaks perhaps written as \n, or in the file that the setting names. */
export function readPem(name: string, setting: string, faults: string[]): string | null {
  return setting.includes('-----BEGIN') ? setting.replaceAll('\\n', '\n') : readFile(name, setting, faults);
}
