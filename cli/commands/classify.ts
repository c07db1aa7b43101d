/** `sentinel classify`: the flows of a raw file, labelled by a registered model. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { cpus } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { Command } from 'commander';
import { installation } from '../../activities/installation.js';
import { classifyFile, type ClassifiedFile } from '../../activities/jobs/classify-file.js';
import { fetchModel, requireVersion } from '../../activities/model-store.js';
import { describeFault, errorOf, PipelineError } from '../../contracts/errors.js';
import { readMapping } from '../../feature-store/sources/flow-mapping.js';
import { listSources, type SourceFile } from '../../feature-store/sources/list-sources.js';
import type { FlowMapping } from '../../contracts/schemas/mapping.js';
import { MlflowClient } from '../../models/registry/mlflow-client.js';
import { ENSEMBLE } from '../../pipelines/train.js';
import { currentHome, serverPort } from '../home.js';
import { printJson, say, table } from '../output.js';
import {
  mappingOption,
  maxRejectedOption,
  readingParams,
  type ReadingOptions,
} from '../reading-options.js';

interface ClassifyOptions extends ReadingOptions {
  readonly model: string;
  readonly out?: string;
  readonly probabilities: boolean;
  readonly force: boolean;
  readonly json: boolean;
}

/** The `classify` command. */
export function classifyCommand(): Command {
  return new Command('classify')
    .description(
      'label the flows of a raw file with a registered model; the file need not be ingested, nor have labels',
    )
    .argument('<file>', 'flows as .csv, .csv.gz, .csv.xz or .parquet')
    .option(
      '--model <id>',
      'a registered model: NAME (its champion), NAME@ALIAS or NAME/VERSION',
      ENSEMBLE,
    )
    .option('--out <file>', 'Parquet, or CSV when named .csv (default: FILE.classified.parquet)')
    .option('--probabilities', 'the probability of every class, a column each', false)
    .option('--force', 'replace the file', false)
    .addOption(mappingOption())
    .addOption(maxRejectedOption())
    .option('--json', 'as JSON', false)
    .action(async (file: string, { json, ...options }: ClassifyOptions) => {
      const out = resolve(options.out ?? `${basename(file)}.classified.parquet`);
      requireFormat(out);
      const params = await readingParams(options);
      const mapping = params.mapping === '' ? undefined : await readMapping(params.mapping);
      const source = await sourceOf(file, mapping);
      const layout = currentHome();
      const port = await serverPort(layout, 'mlflow', 'http');
      const mlflow = new MlflowClient({ baseUrl: `http://127.0.0.1:${port}` });
      const version = await requireVersion(mlflow, options.model);
      const model = await fetchModel(mlflow, layout, version.name, version.version);
      await mkdir(layout.staging, { recursive: true });
      const scratchDir = await mkdtemp(join(layout.staging, 'classify-'));
      try {
        const classified = await classifyFile(
          {
            ...{ source, model, out, target: version.target, maxRejected: params.maxRejected },
            ...{ force: options.force, allProbabilities: options.probabilities },
            ...(mapping && { mapping }),
          },
          {
            setupDir: installation.setupDir,
            scratchDir,
            threads: cpus().length,
            progress: process.stderr.isTTY ? say : () => undefined,
          },
        );
        const { name, version: number, transformer } = model;
        if (json) printJson({ out, model: { name, version: number, transformer }, ...classified });
        else process.stdout.write(`${classifiedText(out, `${name}/${number}`, classified)}\n`);
        process.exitCode = classified.faults.length === 0 ? 0 : 1;
      } finally {
        await rm(scratchDir, { recursive: true, force: true });
      }
    });
}

function requireFormat(out: string): void {
  if (/\.(csv|parquet)$/.test(out)) return;
  throw new PipelineError({
    code: 'CLI_USAGE',
    found: `--out ${out}`,
    expected: 'a name that ends in .parquet or .csv',
    fix: 'name the file by its format',
  });
}

async function sourceOf(file: string, mapping: FlowMapping | undefined): Promise<SourceFile> {
  const { flows, ignored, faults } = await listSources([file], mapping, 'optional');
  const [first, ...others] = faults;
  if (first !== undefined) throw errorOf(first.code, [first, ...others]);
  const [source, ...more] = flows;
  if (source !== undefined && more.length === 0) return source;
  throw new PipelineError({
    code: 'CLI_USAGE',
    file: resolve(file),
    found:
      source === undefined ? (ignored[0]?.reason ?? 'no flow file') : `${flows.length} flow files`,
    expected: 'one flow file',
    fix: 'name one file; folders are for `sentinel ingest`',
  });
}

function classifiedText(out: string, model: string, said: ClassifiedFile): string {
  const { rowsRead, rowsClassified, rowsUnknown, rowsRejected, faults } = said;
  const { labels, score, seconds } = said;
  const total = Object.values(seconds).reduce((sum, stage) => sum + stage, 0);
  const stages = Object.entries(seconds).map(([stage, spent]) => `${stage} ${spent.toFixed(1)} s`);
  const shown = labels.slice(0, SHOWN_LABELS);
  const rest = labels.slice(SHOWN_LABELS).reduce((sum, { rows }) => sum + rows, 0);
  const share = (rows: number): string => `${((100 * rows) / rowsClassified).toFixed(1)} %`;
  return [
    ...faults.map(describeFault),
    table(
      ['label', 'flows', 'share'],
      [
        ...shown.map(({ label, rows }) => [label, rows, share(rows)]),
        ...(rest > 0 ? [[`${labels.length - shown.length} others`, rest, share(rest)]] : []),
      ],
    ),
    ...(score === null
      ? []
      : [
          `of ${score.rows} flows with a label that the model knows: accuracy ${score.accuracy.toFixed(3)}, macro-F1 ${score.macroF1.toFixed(3)}`,
        ]),
    ...(rowsUnknown === null
      ? []
      : [`${rowsUnknown} flows (${share(rowsUnknown)}) of services that the model does not know`]),
    `${rowsRead} rows read, ${rowsClassified} labelled by ${model}, ${rowsRejected} rejected; ${Math.round(rowsClassified / total)} flows/s (${stages.join(', ')})`,
    out,
  ].join('\n');
}

const SHOWN_LABELS = 20;
