/** Job A's parse against the same parse in polars, plain DuckDB SQL and Spark. */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { createCompressor } from 'lzma-native';
import { PipelineError } from '../../contracts/errors.js';
import { FeatureDb, quote } from '../../feature-store/duckdb.js';
import { parseFlows } from '../../feature-store/ingest/parse-flows.js';
import { fileHash } from '../../feature-store/sources/checksum.js';
import { detectCompression } from '../../feature-store/sources/decompress.js';
import { generateDay } from './generated-day.js';
import { startIngestPeer, type IngestPeerName } from './ingest-peer.js';
import { comparePairs, type BenchAlone, type BenchCase } from './pairs.js';

/** What to measure, and against whom. */
export interface IngestBenchOptions {
  readonly pairs: number;
  readonly peers: readonly IngestPeerName[];
  /** Python interpreter that has the peers' packages. */
  readonly python: string;
  /** Flow files; none: a generated one, as .csv.gz and as .csv.xz. */
  readonly files: readonly string[];
  /** Rows of the generated file at least. */
  readonly flows: number;
}

/**
 * Rows per second from a flow file to partitioned Parquet files, in alternating pairs; each side is warm.
 *
 * @throws PipelineError BENCH_PEER_FAILED when a peer ends, or stores another number of rows than we do
 */
export async function benchIngest(
  options: IngestBenchOptions,
  say: (line: string) => void,
): Promise<(BenchCase | BenchAlone)[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sentinel-bench-'));
  try {
    const files =
      options.files.length > 0 ? options.files : await generateFiles(folder, options.flows, say);
    const results: (BenchCase | BenchAlone)[] = [];
    for (const file of files) {
      const name = file.replace(/^.*?(\.csv.*)?$/, '$1').slice(1) || file;
      if (options.peers.length === 0) results.push(await measureAlone(name, file, folder, options));
      for (const peer of options.peers) {
        results.push(await comparePeer(peer, name, file, folder, options));
        say(`${name}: ${peer} measured`);
      }
    }
    return results;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measureAlone(
  name: string,
  file: string,
  folder: string,
  { pairs }: IngestBenchOptions,
): Promise<BenchAlone> {
  const rates: number[] = [];
  for (let round = 0; round <= pairs; round += 1) rates.push((await parseOurs(file, folder)).rate);
  const warm = rates.slice(1).sort((a, b) => a - b);
  return { case: name, unit: UNIT, ours: warm[warm.length >> 1] ?? NaN };
}

async function comparePeer(
  peerName: IngestPeerName,
  name: string,
  file: string,
  folder: string,
  { pairs, python }: IngestBenchOptions,
): Promise<BenchCase> {
  const peer = startIngestPeer(peerName, python);
  try {
    const { rows } = await parseOurs(file, folder);
    const theirs = async (): Promise<number> => {
      const out = join(folder, 'theirs');
      const seconds = await peer.ask({ file, out });
      await expectRows(peerName, out, rows);
      await rm(out, { recursive: true });
      return rows / seconds;
    };
    await theirs(); // both are warm
    return await comparePairs(
      { case: name, unit: UNIT, peer: peerName },
      { ours: async () => (await parseOurs(file, folder)).rate, theirs },
      pairs,
    );
  } finally {
    await peer.stop();
  }
}

/** As the job of the pipeline does it, less the commit. */
async function parseOurs(file: string, folder: string): Promise<{ rows: number; rate: number }> {
  const stagingDir = join(folder, 'ours');
  const source = {
    path: file,
    bytes: (await stat(file)).size,
    compression: await detectCompression(file),
    sha256: await fileHash(file, 'sha256'),
    unknownColumns: [],
  };
  const db = await FeatureDb.open({ threads: 1, tempDirectory: join(folder, 'spill') });
  try {
    const started = performance.now();
    const { rowsStored } = await parseFlows({ source, stagingDir, db });
    return { rows: rowsStored, rate: (rowsStored / (performance.now() - started)) * 1_000 };
  } finally {
    db.close();
    await rm(stagingDir, { recursive: true, force: true });
  }
}

async function expectRows(peer: IngestPeerName, out: string, rows: number): Promise<void> {
  const db = await FeatureDb.open({ threads: 1 });
  try {
    const files = quote(join(out, '**/*.parquet'));
    const [stored] = await db.rows<{ n: number }>(
      `SELECT count(*) AS n FROM read_parquet(${files})`,
    );
    if (stored?.n === rows) return;
    throw new PipelineError({
      code: 'BENCH_PEER_FAILED',
      found: `${peer} stored ${stored?.n ?? 0} rows`,
      expected: `${rows}, as we do`,
      fix: 'measure on a file without faulty rows: the peers do not check them',
    });
  } finally {
    db.close();
  }
}

async function generateFiles(
  folder: string,
  flows: number,
  say: (line: string) => void,
): Promise<string[]> {
  say(`generating a day of at least ${flows} flows`);
  const csv = await generateDay(folder, flows);
  const files = [join(folder, 'day.csv.gz'), join(folder, 'day.csv.xz')];
  const packers = [createGzip(), createCompressor({ preset: 1 })];
  for (const [index, packer] of packers.entries())
    await pipeline(createReadStream(csv), packer, createWriteStream(files[index] ?? ''));
  await rm(csv);
  return files;
}

const UNIT = 'rows/s';
