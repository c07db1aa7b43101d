/** `sentinel ingest`: flow files into the store of the running home. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { dagRunId } from '../../contracts/engine.js';
import { describeFault, type Fault } from '../../contracts/errors.js';
import type { Tasks } from '../../contracts/schemas/tasks.js';
import { hashJson } from '../../dag/plan.js';
import { connectTemporal, currentHome } from '../home.js';
import { printJson, say } from '../output.js';
import { followRun, startOrJoin } from '../run-client.js';

/** Output of the `ingest` DAG. */
interface Ingested {
  readonly sources: Tasks['listSources']['output'];
  readonly parsed: readonly Tasks['parseFlows']['output'][] | null;
}

/** The `ingest` command. */
export function ingestCommand(): Command {
  return new Command('ingest')
    .description(
      'ingest flow files (.csv, .csv.gz, .csv.xz); a file that is there already changes nothing',
    )
    .argument('<path...>', 'files, or folders to any depth')
    .option('--json', 'as JSON', false)
    .action(async (paths: string[], { json }: { json: boolean }) => {
      const client = await connectTemporal(currentHome());
      const inputs = paths.map((path) => resolve(path)).sort();
      const id = dagRunId('ingest', hashJson(inputs).slice(0, 12));
      const handle = await startOrJoin(client, 'ingest', id, say, { params: { inputs } });
      const state = await followRun(handle, { say, signal: new AbortController().signal });
      if (state !== 'success') {
        process.exitCode = 1;
        return;
      }
      const { sources, parsed } = (await handle.result()) as Ingested; // output of the DAG
      await client.connection.close();
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
        tables: { flows: files.find(({ flows }) => flows !== null)?.flows ?? null },
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
