/** `sentinel tables`: what tables the home has, what was done to them, and their upkeep. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { protectedVersions } from '../../activities/protected-versions.js';
import type { HomeLayout } from '../../contracts/home.js';
import { compactTable, type Compacted } from '../../feature-store/compact.js';
import { vacuumTable, type Vacuumed } from '../../feature-store/delta/vacuum.js';
import {
  listTables,
  requireTable,
  summaryOf,
  tableHistory,
} from '../../feature-store/describe-tables.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { schemaOf } from '../../feature-store/known-tables.js';
import { tableFolder } from '../../feature-store/tables.js';
import { MlflowClient } from '../../models/registry/mlflow-client.js';
import { currentHome, serverPort } from '../home.js';
import { wholeNumber } from '../option-values.js';
import { printJson, table } from '../output.js';

const DAY_MS = 86_400_000;

/** The `tables` command and its subcommands. */
export function tablesCommand(): Command {
  const command = new Command('tables').description('the Delta tables of the home');
  command
    .command('list')
    .description('every table with its version, rows, files and size')
    .option('--json', 'as JSON', false)
    .action(async ({ json }: { json: boolean }) => {
      const tables = await listTables(currentHome().tables);
      if (json) printJson(tables);
      else print(['table', 'version', 'rows', 'files', 'MB', 'partitions'], tables.map(cells));
    });
  command
    .command('show <table>')
    .description('columns, partition columns and properties of a table')
    .option('--json', 'as JSON', false)
    .action(async (name: string, { json }: { json: boolean }) => {
      const snapshot = await requireTable(currentHome().tables, name);
      const { columns, partitionColumns, metaData } = snapshot;
      const { id, configuration, createdTime } = metaData;
      const shown = {
        ...summaryOf(name, snapshot),
        ...{ path: snapshot.table, id, partitionColumns, columns },
        created: createdTime === undefined ? null : new Date(createdTime).toISOString(),
        properties: configuration,
      };
      if (json) {
        printJson(shown);
        return;
      }
      const facts = [
        ['path', shown.path],
        ['id', shown.id],
        ['created', shown.created],
        ['version', shown.version],
        ['rows', shown.rows],
        ['partitioned by', partitionColumns.join(', ') || 'nothing'],
        ...Object.entries(configuration),
      ];
      print(['table', name], facts);
      process.stdout.write('\n');
      print(
        ['column', 'type'],
        columns.map(({ name: column, type }) => [column, type]),
      );
    });
  command
    .command('history <table>')
    .description('the versions of a table, newest first, with what each added and removed')
    .option('--limit <n>', 'how many', '20')
    .option('--json', 'as JSON', false)
    .action(async (name: string, options: { limit: string; json: boolean }) => {
      const { table: folder } = await requireTable(currentHome().tables, name);
      const history = await tableHistory(folder, wholeNumber('--limit', options.limit, 1));
      if (options.json) {
        printJson(history);
        return;
      }
      const head = ['version', 'time (UTC)', 'operation', 'files', 'rows', ''];
      const rows = history.map((entry) => [
        ...[entry.version, entry.time, entry.operation],
        ...[
          `+${entry.filesAdded} -${entry.filesRemoved}`,
          `+${entry.rowsAdded} -${entry.rowsRemoved}`,
        ],
        Object.entries(entry.info)
          .map(([key, value]) => `${key} ${value}`)
          .join(', '),
      ]);
      print(head, rows);
    });
  command
    .command('vacuum')
    .description(
      'delete data files that only old versions name, and what killed writers left; versions that runs or serving models name stay',
    )
    .argument('[table...]', 'which tables; by default all')
    .option('--retain-days <days>', 'versions of the last days stay, whoever names them', '30')
    .option('--dry-run', 'count only', false)
    .option('--json', 'as JSON', false)
    .action(async (names: string[], options: VacuumOptions) => {
      const layout = currentHome();
      const retainMs = wholeNumber('--retain-days', options.retainDays, 1) * DAY_MS;
      const folders = await chosenTables(layout, names);
      const protectedBy = await protectedVersions(layout, await registryOf(layout));
      const done: ({ table: string } & Vacuumed)[] = [];
      for (const [name, folder] of folders) {
        const vacuumed = await vacuumTable({
          ...{ table: folder, retainMs, dryRun: options.dryRun },
          protectedVersions: protectedBy.get(name) ?? new Set(),
        });
        done.push({ table: name, ...vacuumed });
      }
      if (options.json) {
        printJson({ dryRun: options.dryRun, tables: done });
        return;
      }
      const verb = options.dryRun ? 'would delete' : 'deleted';
      print(
        ['table', verb, 'MB', 'of these leftovers', 'kept', 'MB'],
        done.map((row) => [
          ...[row.table, row.removed, megabytes(row.removedBytes), row.leftovers],
          ...[row.kept, megabytes(row.keptBytes)],
        ]),
      );
    });
  command
    .command('compact')
    .description(
      'make the small files of each partition one; rows and older versions stay as they are',
    )
    .argument('[table...]', 'which tables; by default all')
    .option('--dry-run', 'count only', false)
    .option('--json', 'as JSON', false)
    .action(async (names: string[], options: { dryRun: boolean; json: boolean }) => {
      const layout = currentHome();
      const folders = await chosenTables(layout, names);
      const done: ({ table: string } & Compacted)[] = [];
      const stagingDir = path.join(layout.staging, `compact-${randomUUID()}`);
      const db = await FeatureDb.open();
      try {
        for (const [name, folder] of folders) {
          const schema = schemaOf(name);
          if (schema === undefined) continue;
          const { dryRun } = options;
          const request = { db, table: folder, schema, stagingDir, dryRun };
          done.push({ table: name, ...(await compactTable(request)) });
        }
      } finally {
        db.close();
        await rm(stagingDir, { recursive: true, force: true });
      }
      if (options.json) {
        printJson({ dryRun: options.dryRun, tables: done });
        return;
      }
      print(
        ['table', 'files before', 'after', 'MB before', 'after', 'skipped', 'version'],
        done.map((row) => [
          ...[row.table, row.filesBefore, row.filesAfter],
          ...[megabytes(row.bytesBefore), megabytes(row.bytesAfter), row.skipped, row.version],
        ]),
      );
    });
  return command;
}

interface VacuumOptions {
  readonly retainDays: string;
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** Name and folder of each table; without names of all. */
async function chosenTables(
  layout: HomeLayout,
  names: readonly string[],
): Promise<[name: string, folder: string][]> {
  for (const name of names) await requireTable(layout.tables, name);
  const all = names.length > 0 ? names : (await listTables(layout.tables)).map(({ name }) => name);
  return all.map((name) => [name, tableFolder(layout.tables, name)]);
}

/**
 * The registry of the home, which has to run; undefined for a home that never had one.
 *
 * @throws PipelineError HOME_NOT_RUNNING
 */
async function registryOf(layout: HomeLayout): Promise<MlflowClient | undefined> {
  if (!existsSync(layout.mlflow)) return undefined;
  const port = await serverPort(layout, 'mlflow', 'http');
  return new MlflowClient({ baseUrl: `http://127.0.0.1:${port}` });
}

function cells(summary: Awaited<ReturnType<typeof listTables>>[number]): unknown[] {
  const { name, version, rows, files, bytes, partitions } = summary;
  return [name, version, rows, files, megabytes(bytes), partitions];
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

function print(head: readonly string[], rows: readonly (readonly unknown[])[]): void {
  process.stdout.write(`${table(head, rows)}\n`);
}
