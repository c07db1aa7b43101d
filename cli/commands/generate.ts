/** `sentinel generate`: raw flow files in the real layout, from the calibrated generator. */
import { Command, Option } from 'commander';
import {
  GENERATED_COMPRESSIONS,
  type GeneratedCompression,
} from '../../activities/jobs/generate-day.js';
import { generateFlows } from '../../activities/jobs/generate-flows.js';
import { VOLUME_MODES, type VolumeMode } from '../../domain/traffic/generator-volume.js';
import { POPULARITIES, type Popularity } from '../../domain/traffic/generator-world.js';
import { weeksBetween, wholeNumber } from '../option-values.js';
import { printJson, say } from '../output.js';

interface GenerateOptions {
  readonly out: string;
  readonly seed: string;
  readonly weeks: string;
  readonly flowsPerWeek: string;
  readonly apps: string;
  readonly event: string[];
  readonly popularity: Popularity;
  readonly volume: VolumeMode;
  readonly drift: boolean;
  readonly compression: GeneratedCompression;
  readonly jobs: string;
  readonly json: boolean;
}

/** The `generate` command. */
export function generateCommand(): Command {
  return new Command('generate')
    .description('write raw flow files of a made-up network, the same bytes for the same options')
    .requiredOption('--out <dir>', 'folder of the data set')
    .requiredOption('--weeks <from..to>', 'ISO weeks, such as 2022-W22..2022-W27')
    .option('--seed <n>', 'seed of the world', '7')
    .option('--flows-per-week <n>', 'rows in the seven day files of a week', '20000')
    .option('--apps <n>', 'applications', '180')
    .option(
      '--event <kind@week...>',
      'scripted events, such as exporter@2022-W26, or tls-year22: docs/generator.md',
      [],
    )
    .addOption(
      new Option('--popularity <law>', 'of the apps: as in the data set, or as on the wire')
        .choices([...POPULARITIES])
        .default('balanced'),
    )
    .addOption(
      new Option('--volume <mode>', 'the asked rows every week, or a year with its seasons')
        .choices([...VOLUME_MODES])
        .default('exact'),
    )
    .option('--no-drift', 'nothing changes by itself')
    .addOption(
      new Option('--compression <kind>', 'of the day files')
        .choices([...GENERATED_COMPRESSIONS])
        .default('xz'),
    )
    .option('--jobs <n>', 'threads that make days at the same time', '1')
    .option('--json', 'as JSON', false)
    .action(async (options: GenerateOptions) => {
      const result = await generateFlows({
        outDir: options.out,
        seed: wholeNumber('--seed', options.seed),
        weeks: weeksBetween('--weeks', options.weeks),
        flowsPerWeek: wholeNumber('--flows-per-week', options.flowsPerWeek),
        apps: wholeNumber('--apps', options.apps),
        events: options.event,
        popularity: options.popularity,
        volume: options.volume,
        weeklyDrift: options.drift,
        jobs: wholeNumber('--jobs', options.jobs),
        compression: options.compression,
        onProgress: ({ file, filesDone, filesTotal }) => say(`${filesDone}/${filesTotal} ${file}`),
      });
      if (options.json) printJson({ out: options.out, ...result });
      else process.stdout.write(`${result.files} files, ${result.rows} rows in ${options.out}\n`);
    });
}
