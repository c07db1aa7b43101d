/**
 * `node install-duckdb-extensions.mjs NODE_MODULES TARGET FILE…`: installs signed extension files into
 * TARGET and loads each once, with no network.
 */
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';

const [nodeModules, target, ...files] = process.argv.slice(2);
const { DuckDBInstance } = createRequire(join(nodeModules, 'any.js'))('@duckdb/node-api');

mkdirSync(target, { recursive: true });
const instance = await DuckDBInstance.create(':memory:', {
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
  extension_directory: target,
});
const connection = await instance.connect();
for (const file of files) {
  await connection.run(`FORCE INSTALL '${file.replaceAll("'", "''")}'`);
  await connection.run(`LOAD ${basename(file, '.duckdb_extension')}`);
}
