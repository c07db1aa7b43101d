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
import { followRun, runFailed, startOrJoin } from '../run-client.js';

type Parsed = Tasks['parseFlows']['output'];

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
    .option('--json', 'as JSON', false)
    .action(async (paths: string[], { json }: { json: boolean }) => {
      const inputs = paths.map((path) => (isRemote(path) ? path : resolve(path))).sort();
      const id = dagRunId('ingest', hashJson(inputs).slice(0, 12));
      const { sources, parsed } = await withTemporal(currentHome(), async (client) => {
        const handle = await startOrJoin(client, 'ingest', id, say, { params: { inputs } });
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
        errors,
        rowsRead: sum('rowsRead'),
        rowsStored: sum('rowsStored'),
        rowsRejected: sum('rowsRejected'),
        tables: { flows: newestFlows(files) },
      };
      if (json) printJson(document);
      else {
        for (const fault of errors) say(describeFault(fault));
        const { rowsRead, rowsStored, rowsRejected } = document;
        process.stdout.write(
          `${files.length} files, ${rowsRead} rows read, ${rowsStored} stored, ${rowsRejected} rejected\n`,
        );
      }
      process.exitCode = errors.length === 0 ? 0 : 1;
    });
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
