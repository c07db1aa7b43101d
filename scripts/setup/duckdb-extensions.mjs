/**
 * DuckDB's signed extensions, installed from the Python packages that carry them.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { hashOf } from './hash.mjs';

const EXTENSIONS = ['delta', 'httpfs'];

/** @returns {import('./run-steps.mjs').Step} */
export function duckdbExtensions({ extensions, nodeModules, scripts, venv }) {
  const requirements = join(scripts, 'requirements.txt');
  const version = () => {
    const lines = readFileSync(requirements, 'utf8').split('\n');
    const pin = lines.find((line) => line.startsWith('duckdb-extension-delta=='));
    return pin?.split('==')[1]?.trim() ?? 'unpinned';
  };
  return {
    name: 'duckdb-extensions',
    title: 'DuckDB extensions (delta, httpfs)',
    needs: [],
    hash: () => hashOf({ files: [requirements] }),
    isPresent: () =>
      EXTENSIONS.every((name) =>
        existsSync(join(extensions, `v${version()}`, 'linux_amd64', `${name}.duckdb_extension`)),
      ),
    run: async (command) => {
      const files = EXTENSIONS.map((name) => carriedFile(venv, name, version()));
      const script = join(scripts, 'setup', 'install-duckdb-extensions.mjs');
      await command(process.execPath, [script, nodeModules, extensions, ...files]);
    },
  };
}

/** `<venv>/lib/python3.X/site-packages/duckdb_extension_NAME/extensions/vV/NAME.duckdb_extension` */
function carriedFile(venv, name, version) {
  const python = readdirSync(join(venv, 'lib')).find((entry) => entry.startsWith('python3.'));
  const packages = join(venv, 'lib', python, 'site-packages');
  const folder = join(packages, `duckdb_extension_${name}`, 'extensions', `v${version}`);
  return join(folder, `${name}.duckdb_extension`);
}
