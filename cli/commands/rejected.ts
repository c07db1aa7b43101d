/** `sentinel rejected`: the rows that did not parse, and a file of them to mend. */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import {
  rejectedAsFile,
  rejectedReasons,
  rejectedRows,
  type RejectedRecord,
} from '../../feature-store/rejected-rows.js';
import { currentHome } from '../home.js';
import { wholeNumber } from '../option-values.js';
import { printJson, say, table } from '../output.js';

interface ListOptions {
  readonly file?: string;
  readonly reason?: string;
  readonly limit: string;
  readonly json: boolean;
  readonly csv: boolean;
}

const CSV_COLUMNS = ['file', 'row', 'column', 'value', 'reason', 'raw'] as const;

/** The `rejected` command and its subcommand. */
export function rejectedCommand(): Command {
  const command = new Command('rejected')
    .description('rows that did not parse: place, value, reason; the reasons are counted')
    .option('--file <path>', 'of one raw file')
    .option('--reason <text>', 'whose reason has this text')
    .option('--limit <n>', 'at most so many rows; --csv prints all', '100')
    .option('--json', 'as JSON', false)
    .addOption(
      new Option('--csv', 'as CSV, with the text of the rows').default(false).conflicts('json'),
    )
    .action(async (options: ListOptions) => {
      const { file, reason, json, csv } = options;
      const { tables } = currentHome();
      const filter = {
        ...(file !== undefined && { file: resolve(file) }),
        ...(reason !== undefined && { reason }),
      };
      const limit = wholeNumber('--limit', options.limit, 1);
      const rows = await rejectedRows(tables, filter, csv ? undefined : limit);
      if (csv) return void process.stdout.write(csvOf(rows));
      const reasons = await rejectedReasons(tables, filter);
      const total = reasons.reduce((sum, { rows: count }) => sum + count, 0);
      if (json) return printJson({ total, reasons, rows });
      if (total === 0) return say('no rejected rows');
      const counts = reasons.map((line) => [line.rows, line.files, line.column, line.reason]);
      const places = rows.map((line) => [
        `${line.file}:${line.row}`,
        line.column,
        line.value,
        line.reason,
      ]);
      process.stdout.write(`${table(['rows', 'files', 'column', 'reason'], counts)}\n\n`);
      process.stdout.write(`${table(['place', 'column', 'value', 'reason'], places)}\n`);
      if (rows.length < total) say(`${rows.length} of ${total} rows; --limit shows more`);
    });
  command
    .command('export <file>')
    .description('the rejected rows of a raw file as a file: mend it, then `sentinel ingest` it')
    .requiredOption('--out <file>', 'where to write it, a name that ends in .csv')
    .option('--json', 'as JSON', false)
    .action(async (file: string, { out, json }: { out: string; json: boolean }) => {
      const text = await rejectedAsFile(currentHome().tables, resolve(file));
      await writeFile(out, text, { flag: 'wx' });
      const rows = text.split('\n').length - 2; // without the header and the end of the last line
      if (json) printJson({ out: resolve(out), rows });
      else process.stdout.write(`${rows} rows in ${out}\n`);
    });
  return command;
}

function csvOf(rows: readonly RejectedRecord[]): string {
  const cell = (value: string | number | null): string => {
    const text = String(value ?? '');
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = rows.map((row) => CSV_COLUMNS.map((name) => cell(row[name])).join(','));
  return [CSV_COLUMNS.join(','), ...lines, ''].join('\n');
}
