/** Where the parts of this checkout are; the same from source and from dist/. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = findRoot(dirname(fileURLToPath(import.meta.url)));
const setupDir = join(root, '.cache', 'setup');

/** Absolute paths of the installed program, set-up's output and the servers' executables. */
export const installation = Object.freeze({
  root,
  packageJson: join(root, 'package.json'),
  /** What set-up has built: venv, TensorFlow, DuckDB extensions. */
  setupDir,
  /** Holds the hash of all compiled sources. */
  compileStamp: join(setupDir, 'stamps', 'compile.json'),
  workflowBundle: join(root, 'dist', 'workflow-bundle.js'),
  computeEntry: join(root, 'dist', 'workers', 'compute.js'),
  workerEntry: join(root, 'dist', 'workers', 'main.js'),
  presets: join(root, 'pipelines', 'presets'),
  temporal: join(setupDir, 'venv', 'bin', 'temporal'),
  mlflow: join(setupDir, 'venv', 'bin', 'mlflow'),
  duckdbExtensions: join(setupDir, 'duckdb-extensions'),
});

function findRoot(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) throw new Error(`no package.json above ${start}`);
  }
}
