/**
 * The steps of the set-up, in order, and where each puts its files.
 */
import { join } from 'node:path';
import { buildSteps } from './build.mjs';
import { npmPackages } from './npm-packages.mjs';
import { pythonPackages, pythonTestPackages } from './python-packages.mjs';
import { tensorflow } from './tensorflow.mjs';
import { duckdbExtensions } from './duckdb-extensions.mjs';
import { hasGo, s3Server } from './s3-server.mjs';

/**
 * Everything the set-up makes lies in `.cache/setup/`, apart from `node_modules/` and `dist/`.
 *
 * @param {string} root folder of the checkout
 */
export function setupPaths(root) {
  const setup = join(root, '.cache', 'setup');
  return {
    root,
    setup,
    child: join(setup, 'child.json'),
    dist: join(root, 'dist'),
    extensions: join(setup, 'duckdb-extensions'),
    logs: join(setup, 'logs'),
    nodeModules: join(root, 'node_modules'),
    s3Server: join(setup, 's3-server'),
    scripts: join(root, 'scripts'),
    stamps: join(setup, 'stamps'),
    tensorflow: join(setup, 'tensorflow'),
    venv: join(setup, 'venv'),
  };
}

/**
 * @param {ReturnType<typeof setupPaths>} paths
 * @param {{ test: boolean }} options `test` adds what only the tests need; the S3 server where there is Go to build it
 * @returns {import('./run-steps.mjs').Step[]}
 */
export function setupSteps(paths, { test }) {
  return [
    npmPackages(paths),
    pythonPackages(paths),
    ...(test ? [pythonTestPackages(paths)] : []),
    tensorflow(paths),
    duckdbExtensions(paths),
    ...(test && hasGo() ? [s3Server(paths)] : []),
    ...buildSteps(paths),
  ];
}
