/** A window of flows: what each version says of it, and whether it still is what the serving one was trained on. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DriftFindings } from '../../contracts/drift.js';
import type { JudgedFlows, VersionScore } from '../../contracts/lifecycle.js';
import type { Preset, Score, Selection, Split } from '../../contracts/schemas/values.js';
import type { Reading } from '../../contracts/signals.js';
import { hashJson } from '../../dag/plan-hash.js';
import { binFlows, fitFlowBins, type FlowBins } from '../../domain/drift/bin-flows.js';
import { judgeWindow, type WindowFlows } from '../../domain/drift/judge-window.js';
import { wholeWeeks } from '../../domain/lifecycle/split-weeks.js';
import type { StagedFile } from '../../feature-store/delta/commit.js';
import { readSignals } from '../../feature-store/drift-scores.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { readFlowSet, type FlowSet } from '../../feature-store/read-flows.js';
import { UNLABELLED } from '../../feature-store/sources/flow-columns.js';
import { driftHtml } from '../drift-page.js';
import { driftColumns } from './drift-columns.js';
import type { JobContext } from './index.js';
import { openModel, openTransformer, type LocalModel } from './open-model.js';
import { STAGED } from './staged-files.js';
import { hoursOf, WindowAnswers } from './window-answers.js';

/** Of what a version was trained on, and of its validation rows, at most about so many are read. */
const MAX_REFERENCE_ROWS = 200_000;

/** What is judged, and by which versions. */
export interface JudgeRequest {
  /** The one that serves. */
  readonly serving: LocalModel;
  /** Further versions that answer. */
  readonly others: readonly LocalModel[];
  /** Of the serving version. */
  readonly split: Pick<Split, 'selections' | 'features'>;
  /** Version of `flow_features` that holds the window. */
  readonly version: number;
  readonly window: Pick<JudgedFlows, 'partition' | 'length' | 'startMs' | 'endMs'>;
  readonly preset: Pick<Preset, 'drift' | 'seed'>;
}

/** What a version said. */
export interface AnsweredWindow {
  readonly version: string;
  /** Null when no flow has a class that it knows. */
  readonly score: Score | null;
  /** Rows of `predictions`; none for a day, which is written with its week. */
  readonly staged: readonly StagedFile[];
}

/** The window, judged; its page lies in the staging folder. */
export interface WindowJudgement {
  readonly findings: DriftFindings;
  readonly versions: readonly AnsweredWindow[];
}

/**
 * Judges a window. Each version answers once; the caller commits.
 *
 * @throws PipelineError FEATURE_UNKNOWN when the serving version's inputs have no packet histograms
 */
export async function judgeWindowJob(
  request: JudgeRequest,
  { layout, setupDir, stagingDir, progress }: JobContext,
): Promise<WindowJudgement> {
  const { serving, others, split, version, window, preset } = request;
  const db = await FeatureDb.open();
  const transformer = await openTransformer(serving);
  const model = await openModel(serving, setupDir);
  try {
    const from = { db, tablesRoot: layout.tables };
    const trainedOn = { ...from, transformer, version: split.features.version };
    const classes = new ClassIndex();
    progress(`reading what version ${serving.version} was trained on`);
    const { bins, reference } = await readReference(trainedOn, split, classes);
    progress('answering its validation flows');
    const heldOut = await readFlowSet(trainedOn, split.selections.validate, {
      without: [{ selection: split.selections.train }],
      maxRows: MAX_REFERENCE_ROWS,
    }).then((set) => new WindowAnswers(model, set).answered());

    progress(`answering ${window.partition}`);
    const rows = selectionOf(window);
    const set = await readFlowSet({ ...from, transformer, version }, rows);
    const scores: VersionScore[] = [];
    const versions: AnsweredWindow[] = [];
    const keep = async (local: LocalModel, answers: WindowAnswers): Promise<void> => {
      const to = { db, stagingDir: join(stagingDir, `version-${local.version}`) };
      const weightedF1 = answers.weightedF1();
      if (weightedF1 !== null) scores.push({ version: local.version, weightedF1 });
      versions.push({
        version: local.version,
        score: answers.score(window.partition),
        staged:
          window.length === 'week' ? await answers.stage(window.partition, local, version, to) : [],
      });
    };
    const answers = new WindowAnswers(model, set);
    await keep(serving, answers);
    for (const local of others) {
      const own =
        local.transformer === serving.transformer
          ? set
          : await openTransformer(local).then((other) =>
              readFlowSet({ ...from, transformer: other, version }, rows),
            );
      const other = await openModel(local, setupDir);
      try {
        await keep(local, new WindowAnswers(other, own));
      } finally {
        other.dispose();
      }
    }

    progress(`judging ${window.partition}`);
    const current = windowFlows(set, bins, classes);
    const judged = judgeWindow({
      ...{ reference, current, heldOut, classes: classes.names },
      answered: answers.answered(),
      withShares: window.length === 'week',
      policy: { draws: preset.drift.resamples, minRows: preset.drift.minRows, seed: preset.seed },
    });
    const report = {
      ...{ ...window, model: serving.name, version: serving.version, rows: set.n, scores },
      ...{ judgedClasses: judged.judgedClasses, causes: judged.causes },
      readings: judged.readings.filter(
        (reading) =>
          Number.isFinite(reading.value) &&
          (!WITHIN_CLASSES.includes(reading.signal) ||
            labelledRows(current) >= preset.drift.minRows),
      ),
    };
    const findings: DriftFindings = {
      ...report,
      reportHash: hashJson(report),
      ...{ medianShift: judged.medianShift, movedClasses: judged.movedClasses },
      ...{ features: judged.features, newServices: judged.newServices },
    };
    const history = await readSignals(layout.tables, serving.name, window.length);
    await writeFile(join(stagingDir, STAGED.driftPage), await driftHtml(findings, history));
    return { findings, versions };
  } finally {
    model.dispose();
    db.close();
  }
}

/** Signals that compare flows of the same class, which flows without a label have not. */
const WITHIN_CLASSES: readonly Reading['signal'][] = [
  ...['feature_severity', 'class_severity', 'data_quality'],
];

function labelledRows({ classes }: WindowFlows): number {
  return classes.reduce((sum, k) => sum + (k < 0 ? 0 : 1), 0);
}

function selectionOf({ length, partition, startMs, endMs }: JudgeRequest['window']): Selection {
  if (length === 'week') return wholeWeeks([partition]);
  return { kind: 'time', fromMs: startMs, toMs: endMs };
}

async function readReference(
  source: Parameters<typeof readFlowSet>[0],
  split: JudgeRequest['split'],
  classes: ClassIndex,
): Promise<{ bins: FlowBins; reference: WindowFlows }> {
  const set = await readFlowSet(source, referenceOf(split), { maxRows: MAX_REFERENCE_ROWS });
  const bins = fitFlowBins(driftColumns(set));
  return { bins, reference: windowFlows(set, bins, classes) };
}

const WEEK_MS = 7 * 86_400_000;

/**
 * What a window is compared with: all of the version's training rows, or after a retraining the whole of its
 * newest week. Flows before a change that the model has learnt are no reference.
 */
function referenceOf({ selections: { train, test } }: JudgeRequest['split']): Selection {
  switch (train.kind) {
    case 'slices': {
      // days of a week are of retrainings of 0.6 and before, which took the whole of it
      const newest = train.slices.filter(({ days }) => days !== null);
      return newest.length === 0 ? train : wholeWeeks(newest.map(({ week }) => week));
    }
    case 'time': {
      // the newest week ends with the flows that gated the version: no weekday is missing
      if (train.fromMs === null || test.kind !== 'time' || test.toMs === null) return train;
      return { ...test, fromMs: Math.max(train.fromMs, test.toMs - WEEK_MS) };
    }
    case 'random':
      return train;
  }
}

function windowFlows(set: FlowSet, bins: FlowBins, classes: ClassIndex): WindowFlows {
  return {
    ...binFlows(driftColumns(set), bins),
    classes: classes.of(set.app),
    blocks: hoursOf(set),
    domains: set.sniDomain,
  };
}

/** Places of class names, in the order in which they came. */
class ClassIndex {
  readonly #places = new Map<string, number>();

  get names(): string[] {
    return [...this.#places.keys()];
  }

  /** [N] places; -1 for flows without a label */
  of(names: readonly string[]): Int32Array {
    return Int32Array.from(names, (name) => {
      if (name === UNLABELLED) return -1;
      const place = this.#places.get(name) ?? this.#places.size;
      this.#places.set(name, place);
      return place;
    });
  }
}
