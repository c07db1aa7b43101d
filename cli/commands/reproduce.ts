/** `sentinel reproduce`: the published month evaluation, on the data that it was published on or on generated flows. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { installation } from '../../activities/installation.js';
import { openDays } from '../../activities/jobs/experiment-days.js';
import { generateFlows } from '../../activities/jobs/generate-flows.js';
import {
  PUBLISHED_MIN_FLOWS,
  PUBLISHED_MONTHS,
  REPRODUCED_MODELS,
  type ReproducedModel,
} from '../../activities/jobs/published-months.js';
import {
  reproduceMonths,
  type Reproduced,
  type ReproducedScore,
} from '../../activities/jobs/reproduce-months.js';
import { describeFault, PipelineError } from '../../contracts/errors.js';
import {
  describePartitions,
  isoWeekOf,
  isPartition,
  partitionInterval,
} from '../../dag/partitions.js';
import { wholeNumber } from '../option-values.js';
import { printJson, say, table } from '../output.js';

interface ReproduceOptions {
  readonly input?: string;
  readonly train: string;
  readonly test: string;
  readonly model: ReproducedModel;
  readonly flowsPerMonth?: string;
  readonly daysPerMonth?: string;
  readonly minFlows?: string;
  readonly seed: string;
  readonly threads: string;
  readonly json: boolean;
}

/** Of an input: all flows of the published months of size XS. */
const FLOWS_OF_INPUT = '1000000';
/** Of the generator: two minutes on two cores. */
const FLOWS_GENERATED = '20000';
/** Of the generator: what is read costs more than what is made. */
const DAYS_GENERATED = '10';
/** Of an input: all. */
const DAYS_OF_INPUT = '31';
/** Of the generator, whose rare services have few flows. */
const MIN_FLOWS_GENERATED = '8';

/** The `reproduce` command. */
export function reproduceCommand(): Command {
  return new Command('reproduce')
    .description(
      'train on a month and score the later ones, as published for CESNET-TLS-Year22; needs no server and writes no table',
    )
    .option(
      '--input <path>',
      'folder of raw files, or an HDF5 file of CESNET DataZoo (default: generated flows)',
    )
    .option('--train <month>', 'the month that is learnt', PUBLISHED_MONTHS.train)
    .option(
      '--test <months>',
      'the months that are asked about, with commas between them',
      Object.keys(PUBLISHED_MONTHS.accuracy).join(),
    )
    .addOption(
      new Option('--model <kind>', 'lightgbm as published, or xgboost on flow statistics alone')
        .choices([...REPRODUCED_MODELS])
        .default('lightgbm'),
    )
    .option(
      '--flows-per-month <n>',
      `flows of each month, by chance (default: ${FLOWS_OF_INPUT}, generated ${FLOWS_GENERATED})`,
    )
    .option(
      '--days-per-month <n>',
      `days of each month that are read, evenly spaced (default: all, generated ${DAYS_GENERATED})`,
    )
    .option(
      '--min-flows <n>',
      `services with fewer in the training month are left out (default: ${PUBLISHED_MIN_FLOWS}, generated ${MIN_FLOWS_GENERATED})`,
    )
    .option('--seed <n>', 'of the choice of flows, the trees and the generator', '7')
    .option('--threads <n>', 'of the training', String(cpus().length))
    .option('--json', 'as JSON', false)
    .action(async (options: ReproduceOptions) => {
      const started = performance.now();
      const asked = readOptions(options);
      const scratchDir = await mkdtemp(join(tmpdir(), 'sentinel-reproduce-'));
      try {
        const input = options.input ?? (await generated(asked, join(scratchDir, 'raw')));
        const isGenerated = existsSync(join(input, 'generated.json'));
        const months = [asked.train, ...asked.test];
        const { threads, daysPerMonth } = asked;
        const wanted = { input, months, daysPerMonth };
        const { days, kind, close } = await openDays(wanted, { scratchDir, threads });
        try {
          const result = await reproduceMonths(
            { ...asked, days },
            { setupDir: installation.setupDir, threads, progress: say },
          );
          const published = publishedFor(asked, isGenerated);
          const scores = result.scores.map((score) => ({ ...score, published: published(score) }));
          const seconds = (performance.now() - started) / 1000;
          const from = options.input === undefined ? null : resolve(options.input);
          const found = {
            ...asked,
            ...result,
            input: { kind, path: from, isGenerated },
            scores,
            seconds,
          };
          if (options.json) printJson({ ...found, publishedSource: PUBLISHED_MONTHS.source });
          else process.stdout.write(`${reproducedText(found)}\n`);
          process.exitCode = result.faults.length === 0 ? 0 : 1;
        } finally {
          close();
        }
      } finally {
        await rm(scratchDir, { recursive: true, force: true });
      }
    });
}

type Asked = ReturnType<typeof readOptions>;

function readOptions({ input, ...options }: ReproduceOptions) {
  const flows = options.flowsPerMonth ?? (input === undefined ? FLOWS_GENERATED : FLOWS_OF_INPUT);
  const days = options.daysPerMonth ?? (input === undefined ? DAYS_GENERATED : DAYS_OF_INPUT);
  const least = input === undefined ? MIN_FLOWS_GENERATED : String(PUBLISHED_MIN_FLOWS);
  const train = month('--train', options.train);
  const test = options.test.split(',').map((text) => month('--test', text));
  if (test.includes(train))
    throw new PipelineError({
      ...{ code: 'CLI_USAGE', found: `--test ${train}`, expected: 'months that are not learnt' },
      fix: 'leave it out: a random fifth and the last days of the training month are scored anyway',
    });
  return {
    ...{ model: options.model, train, test },
    flowsPerMonth: wholeNumber('--flows-per-month', flows, 100),
    daysPerMonth: wholeNumber('--days-per-month', days, 1),
    minFlows: wholeNumber('--min-flows', options.minFlows ?? least, 1),
    seed: wholeNumber('--seed', options.seed),
    threads: wholeNumber('--threads', options.threads, 1),
  };
}

function month(option: string, text: string): string {
  if (isPartition('month', text)) return text;
  throw new PipelineError({
    ...{ code: 'CLI_USAGE', found: `${option} ${text}`, expected: describePartitions('month') },
    fix: 'correct the month',
  });
}

/** The weeks of the months, as raw files, with enough flows on the days that are read. */
async function generated({ train, test, ...asked }: Asked, outDir: string): Promise<string> {
  const weeks = new Set<string>();
  for (const one of [train, ...test]) {
    const { startMs, endMs } = partitionInterval('month', one) ?? { startMs: 0, endMs: 0 }; // a month has one
    for (let time = startMs; time < endMs; time += DAY_MS) weeks.add(isoWeekOf(new Date(time)));
  }
  const flows = asked.flowsPerMonth * SPARE;
  await generateFlows({
    ...{ outDir, seed: asked.seed, weeks: [...weeks].sort(), compression: 'none' },
    flowsPerWeek: Math.ceil((flows * 7) / Math.min(asked.daysPerMonth, DAYS_OF_SHORTEST)),
    onProgress: ({ file, filesDone, filesTotal }) => {
      if (filesDone % DAYS_A_LINE === 0) say(`generated ${filesDone}/${filesTotal} ${file}`);
    },
  });
  return outDir;
}

const DAY_MS = 86_400_000;
const DAYS_OF_SHORTEST = 28;
/** Days differ in their flows. */
const SPARE = 1.1;
const DAYS_A_LINE = 7;

/** What was published beside a score: of the same model, months and data alone. */
function publishedFor({ model, train }: Asked, isGenerated: boolean) {
  return ({ part, month }: ReproducedScore): number | null => {
    if (isGenerated || model !== PUBLISHED_MONTHS.model || train !== PUBLISHED_MONTHS.train)
      return null;
    if (part === 'last-days') return null;
    if (part === 'random-fifth') return PUBLISHED_MONTHS.randomAccuracy;
    return PUBLISHED_MONTHS.accuracy[month] ?? null;
  };
}

type Found = Asked &
  Omit<Reproduced, 'scores'> & {
    readonly input: { readonly path: string | null; readonly isGenerated: boolean };
    readonly scores: readonly (ReproducedScore & { readonly published: number | null })[];
    readonly seconds: number;
  };

function reproducedText({ input, model, train, services, trainingFlows, ...found }: Found): string {
  const { scores, faults, rowsRejected, seconds, seed, settings } = found;
  const rounded = (value: number | null): string => value?.toFixed(3) ?? '–';
  const columns = [
    'tested on',
    'flows',
    'accuracy',
    'macro-F1',
    'seen in training',
    'without these',
  ];
  return [
    ...faults.map(describeFault),
    table(
      [...columns, 'published accuracy'],
      scores.map((score) => [
        NAMES[score.part](score.month),
        score.flows,
        rounded(score.accuracy),
        rounded(score.macroF1),
        score.seenInTraining,
        rounded(score.accuracyOfUnseen),
        score.published ?? '–',
      ]),
    ),
    `${model} (${settings.roundsKept} rounds, seed ${seed}) on ${trainingFlows} flows of ${train}, ${services} services; ${seconds.toFixed(0)} s`,
    ...(rowsRejected > 0 ? [`${rowsRejected} rows did not parse`] : []),
    input.isGenerated
      ? `generated flows; on ${PUBLISHED_MONTHS.source}, ${publishedText()} were published, which these cannot be held against`
      : `published: on ${PUBLISHED_MONTHS.source}`,
  ].join('\n');
}

function publishedText(): string {
  const months = Object.entries(PUBLISHED_MONTHS.accuracy);
  return [['a random fifth', PUBLISHED_MONTHS.randomAccuracy] as const, ...months]
    .map(([name, accuracy]) => `${name} ${accuracy}`)
    .join(', ');
}

const NAMES = {
  'random-fifth': (name: string) => `${name}, a random fifth (optimistic)`,
  'last-days': (name: string) => `${name}, its last 7 days, trained on those before`,
  all: (name: string) => name,
} as const;
