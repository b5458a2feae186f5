import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** This gateway's version. */
export const { version: VERSION } = JSON.parse(
  readFileSync(join(__dirname, '..', 'package.json'), 'utf8'),
) as { version: string };
