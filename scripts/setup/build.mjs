/**
 * TypeScript to `dist/`, the files beside it, and the bundle that workflow workers start from.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { hashOf, listFiles } from './hash.mjs';

const NO_OUTPUT = /\.(d\.ts|md|py|txt)$/;

/** @returns {import('./run-steps.mjs').Step[]} */
export function buildSteps(paths) {
  return existsSync(join(paths.root, 'workflows', 'index.ts'))
    ? [compile(paths), bundle(paths)]
    : [compile(paths)];
}

function compile({ root, dist, nodeModules, setup }) {
  const config = join(root, 'tsconfig.build.json');
  const sources = () =>
    listFiles(root, JSON.parse(readFileSync(config, 'utf8')).include).filter(
      (name) => !NO_OUTPUT.test(name),
    );
  const configs = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
  return {
    name: 'compile',
    title: 'TypeScript compiled',
    needs: [],
    hash: () => {
      const files = sources();
      return hashOf({
        words: files,
        files: [...configs, ...files].map((name) => join(root, name)),
      });
    },
    isPresent: () => sources().every((name) => existsSync(join(dist, outputOf(name)))),
    run: async (command) => {
      const wanted = sources().map(outputOf);
      // tsc trusts its record of what it wrote: when an output was deleted, the record must go too
      if (wanted.some((name) => !existsSync(join(dist, name)))) {
        rmSync(join(setup, 'tsbuildinfo'), { force: true });
      }
      const tsc = join(nodeModules, 'typescript', 'bin', 'tsc');
      await command(process.execPath, [tsc, '-p', config]);
      for (const name of sources().filter((source) => outputOf(source) === source)) {
        mkdirSync(dirname(join(dist, name)), { recursive: true });
        copyFileSync(join(root, name), join(dist, name));
      }
      removeStale(dist, new Set(wanted));
      linkProgram({ dist, nodeModules });
    },
  };
}

function bundle({ root, dist, scripts }) {
  const reachable = ['workflows', 'dag', 'contracts', 'domain/lifecycle'];
  const target = join(dist, 'workflow-bundle.js');
  return {
    name: 'workflow-bundle',
    title: 'workflow bundle',
    needs: [],
    hash: () => {
      const files = listFiles(root, reachable).filter((name) => name.endsWith('.ts'));
      const all = ['package-lock.json', 'scripts/bundle-workflows.mjs', ...files];
      return hashOf({ words: files, files: all.map((name) => join(root, name)) });
    },
    isPresent: () => existsSync(target),
    run: (command) =>
      command(process.execPath, [
        join(scripts, 'bundle-workflows.mjs'),
        join(root, 'workflows', 'index.ts'),
        target,
      ]),
  };
}

/** `a/b.ts` -> `a/b.js`; every other file is copied as it is. */
function outputOf(name) {
  return name.replace(/\.ts$/, '.js');
}

/** Removes outputs whose source is gone: a worker would still load them. */
function removeStale(dist, wanted) {
  for (const name of listFiles(dist, readdirSync(dist))) {
    const source = name.replace(/\.js\.map$/, '.js');
    if (!wanted.has(source) && source !== 'workflow-bundle.js') rmSync(join(dist, name));
  }
}

/** `npx sentinel` works in the checkout, as it would where the package is installed. */
function linkProgram({ dist, nodeModules }) {
  const main = join(dist, 'cli', 'main.js');
  if (!existsSync(main)) return;
  chmodSync(main, 0o755);
  const link = join(nodeModules, '.bin', 'sentinel');
  rmSync(`${link}.new`, { force: true });
  symlinkSync('../../dist/cli/main.js', `${link}.new`);
  renameSync(`${link}.new`, link);
}
