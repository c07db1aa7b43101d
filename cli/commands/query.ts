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
    .option(
      '--as-of <table=version...>',
      'read a table as of a version, or of a time such as 2022-06-20T00:00:00Z',
      [],
    )
    .option('--json', 'rows as JSON', false)
    .action(async (sql: string, options: { asOf: string[]; json: boolean }) => {
      const asOf = Object.fromEntries(options.asOf.map(parseAsOf));
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

/** `flows=12` or `flows=2022-06-20T00:00:00Z`; a date is its first moment, UTC. */
function parseAsOf(text: string): [string, number | Date] {
  const [, name = '', when = ''] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (/^\d+$/.test(when)) return [name, Number(when)];
  // without its zone a time would mean another moment on another machine
  const time = /^\d{4}-\d\d-\d\d(T.+(Z|[+-]\d\d:\d\d))?$/.test(when) ? new Date(when) : undefined;
  if (time !== undefined && !Number.isNaN(time.getTime())) return [name, time];
  throw new PipelineError({
    code: 'CLI_USAGE',
    found: `--as-of ${text}`,
    expected: 'TABLE=VERSION or TABLE=TIME, such as flows=12 or flows=2022-06-20T00:00:00Z',
    fix: 'see `sentinel tables list` for the names, `sentinel tables history TABLE` for versions and times',
  });
}
