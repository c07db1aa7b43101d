/** `sentinel query`: SQL over the tables of the home, each as it is now or as it was. */
import { Command } from 'commander';
import { PipelineError } from '../../contracts/errors.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { queryTables } from '../../feature-store/query-tables.js';
import { currentHome } from '../home.js';
import { printJson, table } from '../output.js';

/** The `query` command. */
export function queryCommand(): Command {
  return new Command('query')
    .description('SQL over the tables of the home, such as flows, flow_features, runs')
    .argument('<sql>', 'DuckDB SQL; `SHOW TABLES` lists what there is')
    .option('--as-of <table=version...>', 'read a table as of a version', [])
    .option('--json', 'rows as JSON', false)
    .action(async (sql: string, options: { asOf: string[]; json: boolean }) => {
      const asOf = Object.fromEntries(options.asOf.map(parseVersion));
      const db = await FeatureDb.open();
      try {
        const { rows } = await queryTables({ db, tablesRoot: currentHome().tables, sql, asOf });
        if (options.json) printJson(rows);
        else {
          const cells = rows.map((row) => Object.values(row));
          process.stdout.write(`${table(Object.keys(rows[0] ?? {}), cells)}\n`);
        }
      } finally {
        db.close();
      }
    });
}

function parseVersion(text: string): [string, number] {
  const [name = '', version = ''] = text.split('=');
  if (/^\d+$/.test(version)) return [name, Number(version)];
  throw new PipelineError({
    code: 'CLI_USAGE',
    found: `--as-of ${text}`,
    expected: 'TABLE=VERSION, such as flows=12',
    fix: 'see `sentinel query "SHOW TABLES"` for the names',
  });
}
