/** `sentinel query`: SQL over the tables of the home, each as it is now or as it was. */
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { PipelineError } from '../../contracts/errors.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import {
  ANSWER_FORMATS,
  answerRows,
  streamAnswer,
  writeAnswer,
  type AnswerFormat,
} from '../../feature-store/query-answer.js';
import type { QueryRequest } from '../../feature-store/query-tables.js';
import { currentHome } from '../home.js';
import { printJson, table, writeOut } from '../output.js';

interface QueryOptions {
  readonly asOf: string[];
  readonly format?: AnswerFormat | 'table';
  readonly json: boolean;
  readonly out?: string;
  readonly force: boolean;
}

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
    .addOption(
      new Option('--format <format>', 'of the rows; parquet needs --out (default: table)').choices([
        'table',
        ...ANSWER_FORMATS,
      ]),
    )
    .addOption(new Option('--json', '--format json').default(false).conflicts('format'))
    .option('--out <file>', 'write csv, json or parquet there instead of to the terminal')
    .option('--force', 'replace the file', false)
    .action(async (sql: string, options: QueryOptions) => {
      const asOf = Object.fromEntries(options.asOf.map(parseAsOf));
      const format = options.json ? 'json' : (options.format ?? 'table');
      requireFitting(format, options.out);
      const db = await FeatureDb.open();
      try {
        await answer({ db, tablesRoot: currentHome().tables, sql, asOf }, format, options);
      } finally {
        db.close();
      }
    });
}

async function answer(
  request: QueryRequest,
  format: AnswerFormat | 'table',
  { out, force, json }: QueryOptions,
): Promise<void> {
  if (out !== undefined && format !== 'table') {
    const file = resolve(out);
    const rows = await writeAnswer(request, format, file, { force });
    if (json) printJson({ out: file, rows });
    else process.stdout.write(`${rows} rows in ${out}\n`);
  } else if (format === 'csv' || format === 'json') {
    await streamAnswer(request, format, writeOut);
  } else {
    const { names, rows } = await answerRows(request);
    process.stdout.write(`${table(names, rows)}\n`);
  }
}

function requireFitting(format: AnswerFormat | 'table', out: string | undefined): void {
  if (format === 'parquet' && out === undefined)
    throw new PipelineError({
      code: 'CLI_USAGE',
      found: '--format parquet without --out',
      fix: 'name a file: --out answer.parquet',
    });
  if (format === 'table' && out !== undefined)
    throw new PipelineError({
      code: 'CLI_USAGE',
      found: `--out ${out} without a format`,
      expected: ANSWER_FORMATS.join(', '),
      fix: 'say which, such as --format parquet',
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
