/** Where set-up has put DuckDB's extensions; the same from source and from dist/. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Absolute folder, `.cache/setup/duckdb-extensions` of the checkout. */
export function installedExtensions(): string {
  let root = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(root, 'package.json')) && root !== path.dirname(root))
    root = path.dirname(root);
  return path.join(root, '.cache', 'setup', 'duckdb-extensions');
}
