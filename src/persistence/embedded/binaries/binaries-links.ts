import { readFile, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

/**
 * Creates missing shared-library links. An npm package cannot contain symbolic links, so the platform packages create
 * theirs in an install script, which `npm ci --ignore-scripts` skips.
 *
 * @param root the folder above bin, lib and share
 * @returns false where a link is missing and cannot be created
 */
export async function makeLinks(root: string): Promise<boolean> {
  const list = await readFile(join(root, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const [from, link] = [withoutFirstFolder(root, source), withoutFirstFolder(root, target)];
    if (await leadsSomewhere(link)) continue;
    // Another process may have created it meanwhile; only whether it resolves afterwards matters.
    await symlink(relative(dirname(link), from), link).catch(() => undefined);
    if (!(await leadsSomewhere(link))) return false;
  }
  return true;
}

/** The list has paths of the package ("native/lib/…"); a copy has another root folder. */
function withoutFirstFolder(root: string, path: string): string {
  return join(root, ...path.split('/').slice(1));
}

function leadsSomewhere(link: string): Promise<boolean> {
  return stat(link).then(
    () => true,
    () => false,
  );
}
