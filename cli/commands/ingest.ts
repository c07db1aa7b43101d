/** `sentinel ingest`: flow files into the store of the running home. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { dagRunId } from '../../contracts/engine.js';
import { describeFault, type Fault } from '../../contracts/errors.js';
import type { Tasks } from '../../contracts/schemas/tasks.js';
import { hashJson } from '../../dag/plan-hash.js';
import { isRemote } from '../../feature-store/sources/remote-sources.js';
import { currentHome, withTemporal } from '../home.js';
import { printJson, say } from '../output.js';
import {
  mappingOption,
  maxRejectedOption,
  readingParams,
  type ReadingOptions,
} from '../reading-options.js';
import { followRun, runFailed, startOrJoin } from '../run-client.js';

type Parsed = Tasks['parseFlows']['output'];

interface IngestOptions extends ReadingOptions {
  readonly json: boolean;
}

/** Output of the `ingest` DAG. */
interface Ingested {
  readonly sources: Tasks['listSources']['output'];
  readonly parsed: readonly Parsed[] | null;
}

/** The `ingest` command. */
export function ingestCommand(): Command {
  return new Command('ingest')
    .description(
      'ingest flow files (.csv, .csv.gz, .csv.xz, .parquet) and Delta tables of them; a file that is there already changes nothing',
    )
    .argument(
      '<path...>',
      'files, folders to any depth, or https://, s3:// and webhdfs:// addresses',
    )
    .addOption(mappingOption())
    .addOption(maxRejectedOption())
    .option('--json', 'as JSON', false)
    .action(async (paths: string[], { json, ...options }: IngestOptions) => {
      const { mapping, maxRejected } = await readingParams(options);
      const params = {
        inputs: paths.map((path) => (isRemote(path) ? path : resolve(path))).sort(),
        ...{ mapping, maxRejected },
      };
      const id = dagRunId('ingest', hashJson(params).slice(0, 12));
      const { sources, parsed } = await withTemporal(currentHome(), async (client) => {
        const handle = await startOrJoin(client, 'ingest', id, say, { params });
        const state = await followRun(handle, { say, signal: new AbortController().signal });
        if (state !== 'success') throw runFailed(id, state);
        return (await handle.result()) as Ingested; // output of the DAG
      });
      const files = parsed ?? [];
      const sum = (rows: 'rowsRead' | 'rowsStored' | 'rowsRejected'): number =>
        files.reduce((total, file) => total + file[rows], 0);
      const errors = [...sources.faults, ...files.flatMap((file) => file.faults)] as Fault[]; // JSON has no undefined
      const document = {
        files,
        ignored: sources.ignored,
        unknownColumns: unknownColumns(sources.files),
        errors,
        rowsRead: sum('rowsRead'),
        rowsStored: sum('rowsStored'),
        rowsRejected: sum('rowsRejected'),
        tables: { flows: newestFlows(files) },
      };
      if (json) printJson(document);
      else {
        for (const fault of errors) say(describeFault(fault));
        for (const { name, files: count } of document.unknownColumns)
          say(`column ${name} is in no table: left out of ${count} file${count === 1 ? '' : 's'}`);
        const { rowsRead, rowsStored, rowsRejected } = document;
        process.stdout.write(
          `${files.length} files, ${rowsRead} rows read, ${rowsStored} stored, ${rowsRejected} rejected\n`,
        );
      }
      process.exitCode = errors.length === 0 ? 0 : 1;
    });
}

/** Each column that no table has, and how many files have it. */
function unknownColumns(files: Ingested['sources']['files']): { name: string; files: number }[] {
  const counts = new Map<string, number>();
  for (const name of files.flatMap((file) => file.unknownColumns))
    counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => ({ name, files: count }));
}

/** The table after the last of the files: each file that stored rows made a version of its own. */
function newestFlows(files: readonly Parsed[]): Parsed['flows'] {
  return files
    .map(({ flows }) => flows)
    .reduce(
      (newest, flows) => ((flows?.version ?? -1) > (newest?.version ?? -1) ? flows : newest),
      null,
    );
}
