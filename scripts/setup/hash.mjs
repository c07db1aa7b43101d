/**
 * Hashes of what a step is made from.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

/**
 * SHA-256 over words and the contents of files; a missing file counts as one with no content.
 *
 * @param {{ words?: string[], files?: string[] }} inputs absolute paths
 */
export function hashOf({ words = [], files = [] }) {
  const hash = createHash('sha256');
  for (const word of words) hash.update(`word ${word.length} ${word}\n`);
  for (const file of files) {
    const content = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
    hash.update(`file ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

/**
 * Files under the given folders and files, sorted, relative to `root`; what does not exist is left out.
 *
 * @param {string} root
 * @param {string[]} entries relative to `root`
 */
export function listFiles(root, entries) {
  const files = [];
  const walk = (path) => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const full = join(path, entry.name);
      if (entry.isDirectory()) {
        if (entry.name !== 'node_modules' && !entry.name.startsWith('.')) walk(full);
      } else if (entry.isFile() && !entry.name.startsWith('.')) files.push(relative(root, full));
    }
  };
  for (const entry of entries) {
    const full = join(root, entry);
    if (!existsSync(full)) continue;
    if (statSync(full).isFile()) files.push(entry);
    else walk(full);
  }
  return files.sort();
}
