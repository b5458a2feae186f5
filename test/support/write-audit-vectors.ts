import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { auditVectors, vectorFiles } from './audit-vectors';

/** Writes docs/audit-vectors: `npm run audit:vectors`. */
const folder = join(__dirname, '..', '..', 'docs', 'audit-vectors');
const vectors = auditVectors();
// Its README is written by hand.
for (const name of readdirSync(folder)) if (name !== 'README.md') rmSync(join(folder, name));
for (const { file, bytes } of vectors) writeFileSync(join(folder, file), bytes);
for (const [name, text] of Object.entries(vectorFiles())) writeFileSync(join(folder, name), text);
const index = vectors.map(({ bytes: _, ...vector }) => vector);
writeFileSync(join(folder, 'index.json'), `${JSON.stringify(index, null, 2)}\n`);
