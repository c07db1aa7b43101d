/** Features in SQL: the formulas of `domain/traffic/features.ts` over the columns of `flows`. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { getDomain } from 'tldts';
import { TABULAR_FEATURES, type FeatureFormula } from '../domain/traffic/features.js';
import { hashBucket } from '../domain/traffic/hash-bucket.js';
import { quote, quoteName, type Session } from './duckdb.js';
import { PPI_COLUMNS } from './tables.js';

/** Buckets of `sni_hash` and `ja3_hash`; powers of two, as FeatureHasher wants them. */
const SNI_BUCKETS = 4096;
const JA3_BUCKETS = 1024;

/**
 * A SELECT of the columns of `flow_features`, in no order, after the rows and the look-up table of names are temporary
 * tables of the session.
 *
 * @param flows a SELECT of the columns of `flows`
 * @param scratchDir absolute folder for one small file
 */
export async function selectFeatures(
  session: Session,
  flows: string,
  scratchDir: string,
): Promise<string> {
  // read once: names and features come from the same rows, and a week's many small files are opened once;
  // in the order of the files each of them would hold buffers of its own for every column until the end
  await session.run(`SET preserve_insertion_order = false;
    CREATE OR REPLACE TEMP TABLE flows_read AS ${flows}`);
  await makeNameTable(session, scratchDir);
  const tabular = TABULAR_FEATURES.map(
    ({ name, formula }) => `(${toSql(formula)})::FLOAT AS ${quoteName(name)}`,
  );
  return `SELECT iso_year, iso_week, source_sha, source_row, app, category, time_first,
      sni.domain AS sni_domain, sni.bucket AS sni_hash, ja3.bucket AS ja3_hash,
      ${tabular.join(', ')}, ${PPI_COLUMNS.join(', ')}
    FROM flows_read AS flows
    LEFT JOIN names AS sni ON sni.kind = 'SNI' AND sni.name = tls_sni
    LEFT JOIN names AS ja3 ON ja3.kind = 'JA3' AND ja3.name = coalesce(tls_ja3, '')`;
}

/**
 * The registrable domain of a server name (`www.google.co.uk` -> `google.co.uk`); UNKNOWN for none, for
 * addresses and for names under no public suffix.
 */
export function registrableDomain(sni: string): string {
  return getDomain(sni, { allowPrivateDomains: false }) ?? 'UNKNOWN';
}

// a week has a few thousand names for millions of flows: each is looked at once
async function makeNameTable(session: Session, scratchDir: string): Promise<void> {
  const names = await session.rows<{ kind: 'SNI' | 'JA3'; name: string }>(
    `SELECT DISTINCT 'SNI' AS kind, tls_sni AS name FROM flows_read
     UNION ALL SELECT DISTINCT 'JA3', coalesce(tls_ja3, '') FROM flows_read`,
  );
  const lines = names.map(({ kind, name }) =>
    JSON.stringify({
      kind,
      name,
      domain: kind === 'SNI' ? registrableDomain(name) : null,
      bucket: hashBucket(`${kind}=${name}`, kind === 'SNI' ? SNI_BUCKETS : JA3_BUCKETS),
    }),
  );
  const file = path.join(scratchDir, 'names.json');
  await writeFile(file, `${lines.join('\n')}\n`);
  await session.run(`CREATE OR REPLACE TEMP TABLE names AS FROM read_json(${quote(file)}, format = 'newline_delimited',
    columns = {'kind': 'VARCHAR', 'name': 'VARCHAR', 'domain': 'VARCHAR', 'bucket': 'INTEGER'})`);
}

function toSql(formula: FeatureFormula): string {
  const of = quoteName(formula.of);
  switch (formula.kind) {
    case 'value':
      return of;
    case 'log1p':
      return `ln(1 + ${of}::DOUBLE)`;
    case 'log1p_total':
      return `ln(1 + list_sum(${of})::DOUBLE)`;
    case 'log1p_rate':
      return `ln(1 + ${of} / (${quoteName(formula.by)} + 0.001::DOUBLE))`;
    case 'ratio':
      return `coalesce(${of} / nullif(${quoteName(formula.by)}, 0)::DOUBLE, 0)`;
    case 'part':
      return `coalesce(${of} / nullif(${of}::DOUBLE + ${quoteName(formula.rest)}, 0), 0)`;
    case 'equals':
      return `CASE WHEN ${of} = ${formula.value} THEN 1 ELSE 0 END`;
    case 'share':
      return `coalesce(${of}[${formula.index + 1}] / nullif(list_sum(${of}), 0)::DOUBLE, 0)`;
  }
}
