/** Flows of a week by name, network and what a model says of them. */
import { wholeWeeks } from '../../domain/lifecycle/split-weeks.js';
import { quote } from '../../feature-store/duckdb.js';
import { queryTables } from '../../feature-store/query-tables.js';
import { readFlowSet, type FlowSource } from '../../feature-store/read-flows.js';
import { parseIsoWeek } from '../../feature-store/tables.js';
import { answerFlows } from '../../models/answer-flows.js';
import type { TrainedModel } from '../../models/model.js';
import type { NameCount, NewNames } from '../../models/open-world/emerging-services.js';

/** New names of a week. */
export interface WeekNames {
  readonly names: NewNames;
  /** Rejected flows of all names. */
  readonly rejected: number;
}

/** The registrable domain; flows without one are told apart by their network. */
const NAME = `CASE sni_domain WHEN 'UNKNOWN' THEN 'no name, AS' || dst_asn ELSE sni_domain END`;

/** Flows of some weeks with their names and networks; `flows` alone has the networks. */
function selectNames(columns: string, weeks: readonly string[], condition: string): string {
  const inWeeks = weeks.map((week) => {
    const { isoYear, isoWeek } = parseIsoWeek(week)!; // of a split, or checked by the caller
    return `iso_year = ${isoYear} AND iso_week = ${isoWeek}`;
  });
  return `SELECT ${columns}, ${NAME} AS name FROM flow_features
    JOIN flows USING (iso_year, iso_week, source_sha, source_row)
    WHERE (${inWeeks.join(' OR ')}) AND ${condition}`;
}

/** What a model's training weeks have. */
export interface TrainedNames {
  /** As `NAME` has them. */
  readonly names: readonly string[];
  /** Numbers of autonomous systems. */
  readonly asns: readonly number[];
}

/** Names and networks that weeks have. */
export async function trainedNames(
  { db, tablesRoot }: Pick<FlowSource, 'db' | 'tablesRoot'>,
  weeks: readonly string[],
): Promise<TrainedNames> {
  const sql = `SELECT DISTINCT name, dst_asn::DOUBLE AS asn FROM (${selectNames('dst_asn', weeks, 'true')})`;
  const { rows } = await queryTables({ db, tablesRoot, sql });
  return {
    names: [...new Set(rows.map(({ name }) => String(name)))],
    asns: [...new Set(rows.map(({ asn }) => Number(asn)))],
  };
}

/** The answers of a model to a week, counted for names that it was not trained with. */
export async function newNames(
  source: FlowSource,
  { model, known }: { readonly model: TrainedModel; readonly known: TrainedNames },
  week: string,
): Promise<WeekNames> {
  const { db, tablesRoot } = source;
  const set = await readFlowSet(source, wholeWeeks([week]));
  const { predicted, rejected = new Uint8Array(set.n) } = answerFlows(model, set);

  const isNew =
    known.names.length === 0 ? 'true' : `${NAME} NOT IN (${known.names.map(quote).join(', ')})`;
  const columns = 'source_sha, source_row::DOUBLE AS source_row, dst_asn::DOUBLE AS asn';
  const sql = selectNames(columns, [week], isNew);
  const { rows } = await queryTables({ db, tablesRoot, sql });
  const places = new Map(
    set.sourceSha.map((sha, i) => [`${sha} ${set.sourceRow[i] ?? 0}`, i] as const),
  );
  const knownAsns = new Set(known.asns);
  const counts = new Map<string, NameCount>();
  for (const { source_sha: sha, source_row: row, name, asn } of rows) {
    const place = places.get(`${String(sha)} ${Number(row)}`);
    if (place === undefined) continue; // the tables have moved on since the features were made
    const answer = model.classes[predicted[place] ?? 0] ?? '';
    const key = JSON.stringify([name, asn, answer]);
    const { flows, rejected: refused } = counts.get(key) ?? { flows: 0, rejected: 0 };
    counts.set(key, {
      ...{ domain: String(name), asn: Number(asn), predicted: answer },
      newNetwork: !knownAsns.has(Number(asn)),
      ...{ flows: flows + 1, rejected: refused + (rejected[place] ?? 0) },
    });
  }
  return {
    names: { week, weekFlows: set.n, counts: [...counts.values()] },
    rejected: rejected.reduce((sum, one) => sum + one, 0),
  };
}
