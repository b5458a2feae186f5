import { readFile, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

/**
 * Makes the shared-library links that are missing. An npm package cannot hold symbolic links, so the platform
 * packages make theirs in an install script, which `npm ci --ignore-scripts` skips.
 *
 * @param root the folder above bin, lib and share
 * @returns false where a link is neither there nor can be made
 */
export async function makeLinks(root: string): Promise<boolean> {
  const list = await readFile(join(root, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const [from, link] = [withoutFirstFolder(root, source), withoutFirstFolder(root, target)];
    if (await leadsSomewhere(link)) continue;
    // Another process may have made it in between: what counts is that it leads somewhere afterwards.
    await symlink(relative(dirname(link), from), link).catch(() => undefined);
    if (!(await leadsSomewhere(link))) return false;
  }
  return true;
}

/** The list names paths as in the package ("native/lib/…"); a copy is not called native. */
function withoutFirstFolder(root: string, path: string): string {
  return join(root, ...path.split('/').slice(1));
}

function leadsSomewhere(link: string): Promise<boolean> {
  return stat(link).then(
    () => true,
    () => false,
  );
}
