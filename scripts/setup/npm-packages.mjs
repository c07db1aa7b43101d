/**
 * `npm ci` without install scripts: nothing may download a binary on its own.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashOf } from './hash.mjs';

/** @returns {import('./run-steps.mjs').Step} */
export function npmPackages({ root, nodeModules }) {
  const lock = join(root, 'package-lock.json');
  const installed = join(nodeModules, '.package-lock.json');
  return {
    name: 'npm-packages',
    title: 'npm packages',
    needs: ['disk', 'npm'],
    hash: () => hashOf({ files: [lock] }),
    isPresent: () => existsSync(installed),
    run: async (command) => {
      if (isInstalled(lock, installed)) return;
      const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
      await command('npm', ['ci', '--ignore-scripts', '--include=dev', ...quiet]);
    },
  };
}

/**
 * Whether `npm install` has already put exactly the locked versions there: npm writes its own record
 * last, so the record stands for whole packages. Packages for other platforms may be missing.
 */
function isInstalled(lock, installed) {
  if (!existsSync(installed)) return false;
  const wanted = JSON.parse(readFileSync(lock, 'utf8')).packages;
  const present = JSON.parse(readFileSync(installed, 'utf8')).packages;
  const same = (path) => present[path]?.version === wanted[path]?.version;
  return (
    Object.entries(wanted).every(
      ([path, entry]) => path === '' || same(path) || entry.optional || entry.devOptional,
    ) && Object.keys(present).every(same)
  );
}
