/** What a model says of every flow of one raw file that no table holds, as one file for the user. */
import { join } from 'node:path';
import type { Fault } from '../../contracts/errors.js';
import type { FlowMapping } from '../../contracts/schemas/mapping.js';
import type { Target } from '../../contracts/schemas/values.js';
import { FeatureDb, quote, quoteName, type Session } from '../../feature-store/duckdb.js';
import { readFiles } from '../../feature-store/delta/scan.js';
import {
  connectionsFor,
  parseFlows,
  type ParsedSource,
} from '../../feature-store/ingest/parse-flows.js';
import { requireFewRejected } from '../../feature-store/ingest/rejected-limit.js';
import { writeOutput } from '../../feature-store/output-file.js';
import { readParsedFlows, type FlowSet } from '../../feature-store/read-flows.js';
import type { RowSource } from '../../feature-store/row-source.js';
import type { SourceFile } from '../../feature-store/sources/list-sources.js';
import { FLOWS } from '../../feature-store/tables.js';
import { confusionMatrix, scoreConfusion } from '../../models/evaluation/classification.js';
import { answerFlows } from '../../models/answer-flows.js';
import type { TrainedModel } from '../../models/model.js';
import { namesOf } from './label-flows.js';
import { openModel, openTransformer, type LocalModel } from './open-model.js';

/** A raw file, the model that labels it, and where the labels go. */
export interface ClassifyRequest {
  readonly source: SourceFile;
  /** How the file is read when it is another exporter's. */
  readonly mapping?: FlowMapping;
  /** With more rejected rows nothing is written, see `requireFewRejected`. */
  readonly maxRejected: string;
  readonly model: LocalModel;
  readonly target: Target;
  /** Absolute; Parquet, or CSV when it ends so. */
  readonly out: string;
  /** Replaces a file that is there. */
  readonly force: boolean;
  /** Writes the probability of each class beside that of the label. */
  readonly allProbabilities: boolean;
}

/** What was said of a file. */
export interface ClassifiedFile {
  readonly rowsRead: number;
  readonly rowsClassified: number;
  /** Of these, flows whose service the model does not know; null when it always answers. */
  readonly rowsUnknown: number | null;
  /** Rows that did not parse. */
  readonly rowsRejected: number;
  /** The first of them. */
  readonly faults: readonly Fault[];
  /** Flows by label, most first. */
  readonly labels: readonly { readonly label: string; readonly rows: number }[];
  /** Of flows whose own label is a class of the model; null when there is none. */
  readonly score: {
    readonly rows: number;
    readonly accuracy: number;
    readonly macroF1: number;
  } | null;
  /** Seconds of each stage, one after the other. */
  readonly seconds: Readonly<Record<'parse' | 'features' | 'predict' | 'write', number>>;
}

/** What a job like this may use. */
export interface ClassifyContext {
  readonly setupDir: string;
  /** Absolute folder of its own; the caller removes it. */
  readonly scratchDir: string;
  readonly threads: number;
  readonly progress: (detail: string) => void;
}

/**
 * Labels every flow of a file; memory does not grow with it.
 *
 * @throws PipelineError as `parseFlows`, `writeOutput` and the model; TOO_MANY_REJECTED, TRANSFORMER_FILE
 */
export function classifyFile(
  request: ClassifyRequest,
  context: ClassifyContext,
): Promise<ClassifiedFile> {
  return writeOutput(request.out, request, (part) => classifyInto(part, request, context));
}

async function classifyInto(
  part: string,
  request: ClassifyRequest,
  context: ClassifyContext,
): Promise<ClassifiedFile> {
  const { scratchDir, threads, progress } = context;
  const watch = stopwatch();
  const parsed = await parse(request, context);
  requireFewRejected(parsed, request.maxRejected);
  watch.lap('parse');
  const transformer = await openTransformer(request.model);
  const model = await openModel(request.model, context.setupDir);
  const db = await FeatureDb.open({ threads, tempDirectory: join(scratchDir, 'spill') });
  try {
    const said = new Said(request, model);
    await db.rows(said.tableSql());
    const features = { db, parsed, transformer, scratchDir: join(scratchDir, 'features') };
    await readParsedFlows(features, async (flows) => {
      watch.lap('features');
      const batch = said.take(flows);
      watch.lap('predict');
      await db.session((session) => insert(session, batch));
      watch.lap('write');
      progress(`${said.rows} of ${parsed.rowsStored} flows`);
    });
    await db.session((session) => session.run(said.copySql(parsed, part)));
    watch.lap('write');
    const { rowsRead, rowsRejected, faults } = parsed;
    return {
      ...{ rowsRead, rowsClassified: said.rows, rowsRejected, faults },
      rowsUnknown: model.reject === undefined ? null : said.rowsUnknown,
      ...{ labels: said.labels(), score: said.score(), seconds: watch.seconds },
    };
  } finally {
    model.dispose();
    db.close();
  }
}

async function parse(
  { source, mapping }: ClassifyRequest,
  { scratchDir, threads, progress }: ClassifyContext,
): Promise<ParsedSource> {
  const db = await FeatureDb.open({ threads: 1, tempDirectory: join(scratchDir, 'parse-spill') });
  try {
    return await parseFlows({
      ...{ source, db, labels: 'optional', stagingDir: join(scratchDir, 'parsed') },
      ...(mapping && { mapping }),
      connections: connectionsFor(threads),
      onProgress: (rows) => progress(`${rows} rows parsed`),
    });
  } finally {
    db.close();
  }
}

/** What the model has said so far. */
class Said {
  readonly #model: TrainedModel;
  readonly #request: ClassifyRequest;
  readonly #counts: Uint32Array;
  readonly #confusion: Uint32Array;
  readonly #index: ReadonlyMap<string, number>;
  rows = 0;
  rowsUnknown = 0;

  constructor(request: ClassifyRequest, model: TrainedModel) {
    const K = model.classes.length;
    this.#model = model;
    this.#request = request;
    this.#counts = new Uint32Array(K);
    this.#confusion = new Uint32Array(K * K);
    this.#index = new Map(model.classes.map((name, k) => [name, k]));
  }

  /** The answers for a batch, as rows of the table of `tableSql`. */
  take(flows: FlowSet): RowSource {
    const K = this.#model.classes.length;
    const { probabilities, predicted, probability, rejected } = answerFlows(this.#model, flows);
    predicted.forEach((k) => (this.#counts[k] = (this.#counts[k] ?? 0) + 1));
    this.#compare(flows, predicted);
    this.rows += flows.n;
    this.rowsUnknown += rejected?.reduce((sum, one) => sum + one, 0) ?? 0;
    const columns = [probability];
    if (this.#request.allProbabilities)
      for (let k = 0; k < K; k += 1)
        columns.push(Float64Array.from(predicted, (_, row) => probabilities[row * K + k] ?? 0));
    const unknown = Int16Array.from(rejected ?? new Uint8Array(flows.n));
    return {
      rows: flows.n,
      columns: [
        { name: 'source_row', type: 'long' },
        { name: 'label', type: 'integer' },
        { name: 'rejected', type: 'short' },
        ...columns.map((_, index) => ({ name: `p${index}`, type: 'double' }) as const),
      ],
      fill: (chunk, start, count) => {
        const end = start + count;
        chunk.longs(0, flows.sourceRow.subarray(start, end));
        chunk.values(1, predicted.subarray(start, end));
        chunk.values(2, unknown.subarray(start, end));
        columns.forEach((values, index) => {
          chunk.values(index + 3, values.subarray(start, end));
        });
      },
    };
  }

  /** Makes the table `said`: source_row, label (a class index), rejected (0 or 1), p0 = its probability, p1… = those of all classes. */
  tableSql(): string {
    const columns = Array.from(
      { length: 1 + (this.#request.allProbabilities ? this.#model.classes.length : 0) },
      (_, index) => `p${index} DOUBLE`,
    );
    return `CREATE TABLE said (source_row BIGINT, label INTEGER, rejected SMALLINT, ${columns.join(', ')})`;
  }

  /** Writes the flows with what was said of them, in the order of the file. */
  copySql({ staged }: ParsedSource, file: string): string {
    const { model, out, allProbabilities } = this.#request;
    const classes = this.#model.classes;
    const names = `[${classes.map(quote).join(', ')}]`;
    const all = allProbabilities
      ? classes.map((name, k) => `p${k + 1} AS ${quoteName(`probability ${name}`)}`)
      : [];
    const flows =
      staged.length === 0
        ? `(SELECT ${FLOW_COLUMNS.map((name) => `NULL AS ${name}`).join(', ')} LIMIT 0)`
        : readFiles(
            staged.map(({ file }) => file),
            FLOWS,
          );
    const columns = [
      ...FLOW_COLUMNS,
      `${names}[label + 1] AS predicted`,
      'p0 AS probability',
      `${this.#model.reject === undefined ? 'NULL::BOOLEAN' : 'rejected = 1'} AS rejected`,
      ...all,
      `${quote(model.name)} AS model`,
      `${quote(model.version)} AS model_version`,
    ];
    const format = out.endsWith('.csv') ? 'csv, HEADER' : 'parquet, COMPRESSION zstd';
    return `COPY (SELECT ${columns.join(', ')} FROM ${flows} JOIN said USING (source_row) ORDER BY source_row)
      TO ${quote(file)} (FORMAT ${format})`;
  }

  labels(): ClassifiedFile['labels'] {
    return this.#model.classes
      .map((label, k) => ({ label, rows: this.#counts[k] ?? 0 }))
      .filter(({ rows }) => rows > 0)
      .sort((a, b) => b.rows - a.rows);
  }

  score(): ClassifiedFile['score'] {
    const { rows, accuracy, macroF1 } = scoreConfusion(this.#confusion, this.#model.classes);
    return rows === 0 ? null : { rows, accuracy, macroF1 };
  }

  #compare(flows: FlowSet, predicted: Int32Array): void {
    const labels: number[] = [];
    const answers: number[] = [];
    namesOf(flows, this.#request.target).forEach((name, row) => {
      const label = this.#index.get(name);
      if (label === undefined) return;
      labels.push(label);
      answers.push(predicted[row] ?? 0);
    });
    confusionMatrix(
      Int32Array.from(labels),
      Int32Array.from(answers),
      this.#model.classes.length,
    ).forEach((count, cell) => (this.#confusion[cell] = (this.#confusion[cell] ?? 0) + count));
  }
}

async function insert(session: Session, batch: RowSource): Promise<void> {
  await session.withRows(batch, (rows) => session.run(`INSERT INTO said FROM ${rows}`));
}

function stopwatch() {
  const seconds = { parse: 0, features: 0, predict: 0, write: 0 };
  let last = performance.now();
  return {
    seconds,
    lap: (stage: keyof typeof seconds): void => {
      const now = performance.now();
      seconds[stage] += (now - last) / 1000;
      last = now;
    },
  };
}

/** What names a flow to a person, and its own label. */
const FLOW_COLUMNS = [
  ...['source_row', 'id', 'time_first', 'time_last', 'src_ip', 'dst_ip', 'dst_asn', 'dst_port'],
  ...['protocol', 'tls_sni', 'bytes', 'bytes_rev', 'packets', 'packets_rev', 'app', 'category'],
];
