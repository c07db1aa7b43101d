/** `sentinel drift`: what was found of a judged window of flows. */
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { describeDrift } from '../../activities/describe-drift.js';
import { driftHtml } from '../../activities/drift-page.js';
import {
  CLASS_HEAD,
  classRows,
  driftSummary,
  FEATURE_HEAD,
  featureRows,
  SERVICE_HEAD,
  serviceRows,
  SIGNAL_HEAD,
  signalRows,
  signalScores,
  VERSION_HEAD,
  versionRows,
} from '../../activities/drift-text.js';
import { PipelineError } from '../../contracts/errors.js';
import type { DriftFindings } from '../../contracts/drift.js';
import { isPartition } from '../../dag/partitions.js';
import { ENSEMBLE } from '../../pipelines/train.js';
import { currentHome } from '../home.js';
import { printJson, table } from '../output.js';

interface DriftOptions {
  readonly week?: string;
  readonly day?: string;
  readonly model: string;
  readonly out?: string;
  readonly json: boolean;
}

/** The `drift` command. */
export function driftCommand(): Command {
  return new Command('drift')
    .description(
      'how far a window of flows has drifted from what its model was trained on, and why',
    )
    .option('--week <week>', 'an ISO week, such as 2022-W26; by default the window judged last')
    .option('--day <day>', 'a UTC day, such as 2022-06-28')
    .option('--model <name>', 'of which model', ENSEMBLE)
    .option('--out <file>', 'write it as one HTML page with plots as well')
    .option('--json', 'as JSON', false)
    .action(async ({ model, out, json, ...window }: DriftOptions) => {
      const { findings, history } = await describeDrift(currentHome(), model, partitionOf(window));
      if (out !== undefined) await writeFile(out, await driftHtml(findings, history));
      if (json) printJson({ ...findings, signals: signalScores(findings) });
      else process.stdout.write(`${driftText(findings)}\n`);
    });
}

/** Undefined for the newest window. */
function partitionOf({ week, day }: Pick<DriftOptions, 'week' | 'day'>): string | undefined {
  const [option, given, kind] =
    week === undefined ? (['--day', day, 'day'] as const) : (['--week', week, 'iso-week'] as const);
  const isTwice = week !== undefined && day !== undefined;
  if (given === undefined || (!isTwice && isPartition(kind, given))) return given;
  throw new PipelineError({
    code: 'CLI_USAGE',
    found: isTwice ? '--week and --day' : `${option} ${given}`,
    expected: isTwice ? 'one of them' : kind === 'day' ? 'YYYY-MM-DD' : 'YYYY-Www',
    fix: 'see `sentinel drift --help`',
  });
}

function driftText(findings: DriftFindings): string {
  const { model, version, partition, rows, causes } = findings;
  const part = (head: string[], lines: string[][]): string[] =>
    lines.length === 0 ? [] : ['', table(head, lines)];
  return [
    `${partition}: ${rows} flows, ${driftSummary(findings)} (${model}/${version})`,
    ...causes.map((cause) => `  ${cause}`),
    ...part(SIGNAL_HEAD, signalRows(signalScores(findings))),
    ...part(CLASS_HEAD, classRows(findings)),
    ...part(FEATURE_HEAD, featureRows(findings)),
    ...part(SERVICE_HEAD, serviceRows(findings)),
    ...part(VERSION_HEAD, versionRows(findings)),
  ].join('\n');
}
