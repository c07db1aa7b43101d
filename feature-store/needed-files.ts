/** Which files of each table a query can need: DuckDB plans it over empty tables and tells the filters it pushed down. */
import { allOf, either, fileCondition, type ColumnFilter } from './delta/file-condition.js';
import { duckdbType } from './delta/schema.js';
import type { Snapshot } from './delta/snapshot.js';
import { quote, quoteName, type Session } from './duckdb.js';

/**
 * By table a condition on its files, for `pickFiles`; undefined when the SQL is not one or more SELECTs that DuckDB
 * can plan, or when the plan is not understood.
 *
 * When it is defined a transaction is open, in which the query must run: then `now()` is for the query what it was for
 * its plan.
 *
 * @param tables by name; there must be no table or view of these names yet, and there is none afterwards
 */
export async function neededFiles(
  session: Session,
  sql: string,
  tables: ReadonlyMap<string, Pick<Snapshot, 'columns' | 'partitionColumns'>>,
): Promise<ReadonlyMap<string, string> | undefined> {
  const standIns = [...tables].map(([name, { columns }]) => {
    const types = columns.map((column) => `${quoteName(column.name)} ${duckdbType(column.type)}`);
    return `CREATE TEMP TABLE ${quoteName(name)} (${types.join(', ')});`;
  });
  await session.begin();
  await session.run(`SET disabled_optimizers = ${quote(MISLED_OPTIMIZERS)}; ${standIns.join(' ')}`);
  const [row] = await session
    .rows<{ plan: string }>(`SELECT json_serialize_plan(${quote(sql)}, optimize := true) AS plan`)
    .catch(() => []); // no plan, so every file; the query itself tells what is wrong with it
  const scans = row && scansOf(row.plan);
  if (scans === undefined) {
    await session.rollback();
    await session.run('RESET disabled_optimizers');
    return undefined;
  }
  const drops = [...tables.keys()].map((name) => `DROP TABLE ${quoteName(name)};`);
  await session.run(`${drops.join(' ')} RESET disabled_optimizers`);
  const conditions = new Map<string, string>();
  for (const [name, { partitionColumns }] of tables) {
    const ofTable = scans.filter(({ table }) => table === name).map(({ filters }) => filters);
    const perScan = ofTable.map((filters) =>
      allOf(
        filters.map(([column, filter]) =>
          fileCondition(column, partitionColumns.includes(column), filter),
        ),
      ),
    );
    conditions.set(name, either(perScan));
  }
  return conditions;
}

/** A scan of a table: rows that fail one of its filters do not change the answer. */
interface Scan {
  readonly table: string | undefined;
  readonly filters: readonly (readonly [column: string, filter: ColumnFilter])[];
}

/** Every scan of a serialized plan; undefined when it holds an error or a number that JSON has no form for. */
function scansOf(text: string): Scan[] | undefined {
  let plan: unknown;
  try {
    plan = JSON.parse(text);
  } catch {
    return undefined; // DuckDB writes an infinite constant as Infinity
  }
  if (typeof plan !== 'object' || plan === null || !('error' in plan) || plan.error !== false)
    return undefined;
  const scans: Scan[] = [];
  const pending: unknown[] = [plan];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (typeof node !== 'object' || node === null) continue;
    if ('name' in node && node.name === 'seq_scan') {
      if (!('names' in node)) return undefined;
      scans.push(scanOf(node as unknown as SerializedScan)); // DuckDB's version is pinned, tests hold its plans
    }
    for (const inner of Object.values(node)) pending.push(inner);
  }
  return scans;
}

/** The members of DuckDB's serialized LOGICAL_GET that matter here. */
interface SerializedScan {
  readonly names: readonly string[];
  readonly function_data?: { readonly table?: string };
  /** `key` is the index of the column in `names`. */
  readonly table_filters?: {
    readonly filters?: readonly { readonly key: number; readonly value: ColumnFilter }[];
  };
}

function scanOf({ names, function_data, table_filters }: SerializedScan): Scan {
  return {
    table: function_data?.table,
    filters: (table_filters?.filters ?? []).flatMap(({ key, value }) => {
      const column = names[key];
      return column === undefined ? [] : [[column, value] as const];
    }),
  };
}

// the first would conclude from empty tables that a branch yields nothing and drop it; the others make plans that
// json_serialize_plan refuses, and only order or narrow what is read
const MISLED_OPTIMIZERS = [
  'statistics_propagation',
  ...['join_order', 'build_side_probe_side', 'late_materialization', 'top_n', 'column_lifetime'],
  ...['compressed_materialization', 'join_filter_pushdown', 'common_subplan', 'row_group_pruner'],
].join(',');
