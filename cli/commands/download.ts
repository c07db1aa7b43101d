/** `sentinel download`: weeks of a published data set into a folder. */
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { PipelineError } from '../../contracts/errors.js';
import {
  downloadFiles,
  missingFiles,
  transferBytes,
  type DownloadedFile,
} from '../../feature-store/download/download-files.js';
import { listRecord, type DataSetFile } from '../../feature-store/download/record.js';
import { wholeNumber } from '../option-values.js';
import { printJson, say } from '../output.js';
import { TransferProgress } from '../transfer-progress.js';

/** The records of the data sets at zenodo.org; `--record` names another, such as a newer version. */
const DATA_SETS = { 'cesnet-tls-year22': '10608607', 'cesnet-quic22': '10728760' } as const;

interface DownloadOptions {
  readonly out: string;
  readonly week?: string;
  readonly weeks?: string;
  readonly year?: string;
  readonly dataset: keyof typeof DATA_SETS;
  readonly record?: string;
  readonly baseUrl: string;
  readonly parallel: string;
  readonly json: boolean;
}

/** The `download` command. */
export function downloadCommand(): Command {
  return new Command('download')
    .description(
      'fetch weeks of a published data set; what is there already is kept, what was cut short goes on',
    )
    .requiredOption('--out <dir>', 'folder of the data set')
    .option('--week <week>', 'one week, as its folder is numbered, such as 2022-01')
    .option('--weeks <from..to>', 'several, such as 2022-01..2022-10')
    .option('--year <year>', 'all weeks of a year, such as 2022')
    .addOption(
      new Option('--dataset <name>', 'which data set')
        .choices(Object.keys(DATA_SETS))
        .default('cesnet-tls-year22'),
    )
    .option('--record <id>', 'its record, when it is not the one that is known')
    .option('--base-url <url>', 'server of the records API', 'https://zenodo.org')
    .option('--parallel <n>', 'files at a time', '4')
    .option('--json', 'as JSON', false)
    .action(download);
}

async function download(options: DownloadOptions): Promise<void> {
  const isWanted = weekFilter(options);
  const parallel = wholeNumber('--parallel', options.parallel, 1);
  const outDir = resolve(options.out);
  const recordId = options.record ?? DATA_SETS[options.dataset];
  const stop = new AbortController();
  const onSignal = (): void => stop.abort(interrupted());
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  let progress: TransferProgress | undefined;
  const tell = (line: string): void => {
    progress?.clear();
    say(line);
  };
  const patience = {
    signal: stop.signal,
    onWait: (why: string, waitMs: number) => tell(`${why}: again in ${Math.ceil(waitMs / 1000)} s`),
  };
  try {
    const published = await listRecord(baseUrl(options.baseUrl), recordId, patience);
    const files = published.filter(({ week }) => week === undefined || isWanted(week));
    if (!files.some(({ week }) => week !== undefined)) throw weekUnknown(options, published);
    const missing = await missingFiles(files, outDir);
    progress = new TransferProgress(missing.reduce((sum, file) => sum + transferBytes(file), 0));
    tell(`${files.length} files, ${files.length - missing.length} of them are there already`);
    const done = await downloadFiles({
      ...patience,
      files,
      outDir,
      parallel,
      onBytes: (bytes) => progress?.add(bytes),
      onFile: ({ path, state }) => state === 'fetched' && tell(path),
    });
    progress.clear();
    report(options, outDir, done);
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

function report({ json }: DownloadOptions, out: string, files: readonly DownloadedFile[]): void {
  if (json) {
    printJson({ out, files });
    return;
  }
  const fetched = files.filter(({ state }) => state === 'fetched').length;
  process.stdout.write(
    `${files.length} files complete in ${out}, ${fetched} of them fetched now\n`,
  );
}

/** Exactly one of the three ways to say which weeks. */
function weekFilter({ week, weeks, year }: DownloadOptions): (week: string) => boolean {
  const given = [week, weeks, year].filter((text) => text !== undefined);
  const usage = (found: string): PipelineError =>
    new PipelineError({
      code: 'CLI_USAGE',
      found,
      expected: 'one of --week 2022-01, --weeks 2022-01..2022-10, --year 2022',
      fix: 'say which weeks',
    });
  if (given.length !== 1) throw usage(`${given.length} of --week, --weeks, --year`);
  if (year !== undefined) {
    if (!/^\d{4}$/.test(year)) throw usage(`--year ${year}`);
    return (candidate) => candidate.startsWith(`${year}-`);
  }
  const [from, to = from, ...more] = (week ?? weeks ?? '').replaceAll('-W', '-').split('..');
  const isWeek = (text: string | undefined): text is string => /^\d{4}-\d{2}$/.test(text ?? '');
  const isRange = more.length === 0 && isWeek(from) && isWeek(to) && from <= to;
  if (!isRange || (week !== undefined && from !== to))
    throw usage(week === undefined ? `--weeks ${weeks}` : `--week ${week}`);
  return (candidate) => from <= candidate && candidate <= to;
}

function baseUrl(text: string): string {
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return text;
  throw new PipelineError({
    code: 'CLI_USAGE',
    found: `--base-url ${text}`,
    expected: 'an address such as https://zenodo.org',
    fix: 'correct the address',
  });
}

function weekUnknown(options: DownloadOptions, published: readonly DataSetFile[]): PipelineError {
  const known = [...new Set(published.flatMap(({ week }) => week ?? []))].sort();
  return new PipelineError({
    code: 'DOWNLOAD_WEEK_UNKNOWN',
    found: options.week ?? options.weeks ?? options.year ?? '',
    expected: known.length === 0 ? 'a data set with weeks' : `one of ${known.join(', ')}`,
    fix: 'correct the week; weeks are numbered as the folders of the data set are',
  });
}

function interrupted(): PipelineError {
  return new PipelineError({
    code: 'RUN_INTERRUPTED',
    found: 'told to stop before everything was there',
    fix: 'start the same command again: it goes on where it stopped',
  });
}
