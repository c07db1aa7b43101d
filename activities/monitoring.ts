/** Watching new weeks and days: predictions, drift, and the word to the lifecycle. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { DriftFindings } from '../contracts/drift.js';
import { PipelineError } from '../contracts/errors.js';
import {
  lifecycleId,
  OUTCOME_QUERY,
  WINDOW_SIGNAL,
  type LifecycleInput,
  type Outcome,
  type WindowReport,
} from '../contracts/lifecycle.js';
import type { DriftScore, ModelVersion } from '../contracts/schemas/values.js';
import { isAbove } from '../contracts/signals.js';
import { isoDay } from '../domain/lifecycle/iso-day.js';
import { appendRows } from '../feature-store/append-rows.js';
import { commitTable } from '../feature-store/delta/commit.js';
import { readSnapshot } from '../feature-store/delta/snapshot.js';
import { isInWeek } from '../feature-store/derived.js';
import { FeatureDb } from '../feature-store/duckdb.js';
import { DRIFT_SCORES, PREDICTIONS } from '../feature-store/engine-tables.js';
import { FLOW_FEATURES, tableFolder } from '../feature-store/tables.js';
import { monitorDay } from '../pipelines/monitor.js';
import { ENSEMBLE } from '../pipelines/train.js';
import type { TaskCodes } from './checked.js';
import { taskKey } from './compute.js';
import { saveFindings } from './drift-findings.js';
import { driftSummary, SIGNAL_HEAD, signalRows, signalScores } from './drift-text.js';
import { cancellable } from './heartbeats.js';
import type { ActivityDependencies } from './index.js';
import type { AnsweredWindow } from './jobs/judge-window.js';
import { STAGED } from './jobs/staged-files.js';
import { daysWithFlows, knownToMs, succeededPartitions } from './judged-weeks.js';
import { policyFor } from './model-policy.js';
import {
  asModelVersion,
  fetchModel,
  findChampion,
  recordScores,
  requireChampion,
  splitOf,
} from './model-store.js';
import { createNoticeActivities } from './notices.js';
import { lifecycleStatus } from './steer-lifecycle.js';
import { windowOf } from './window-of.js';

const POLL_MS = 500;

/** The tasks of the `monitor` DAG. */
export function monitoringTasks({
  layout,
  compute,
  mlflow,
  temporal,
  recorder,
}: ActivityDependencies) {
  const { tables: tablesRoot } = layout;
  const notices = createNoticeActivities({ layout });

  async function featuresVersion(): Promise<number> {
    const snapshot = await readSnapshot(tableFolder(tablesRoot, FLOW_FEATURES.name));
    return snapshot?.version ?? 0;
  }

  /** The champion, and whom the lifecycle wants to be compared with it. */
  async function versionsToAnswer({ name, version }: ModelVersion): Promise<string[]> {
    const asked = (await lifecycleStatus(temporal, name))?.toScore ?? [];
    const known = await Promise.all(
      asked.map(async (id) => ((await mlflow.models.getVersion(name, id)) ? [id] : [])),
    );
    return [...new Set([version, ...known.flat()])];
  }

  async function commitPredictions(
    model: string,
    week: string,
    versions: readonly AnsweredWindow[],
  ) {
    const inWeek = isInWeek(week);
    const answered = new Set(versions.map(({ version }) => version));
    const { version } = await commitTable({
      table: tableFolder(tablesRoot, PREDICTIONS.name),
      schema: PREDICTIONS,
      adds: versions.flatMap(({ staged }) => staged),
      removes: (file) =>
        inWeek(file) &&
        file.tags['model'] === model &&
        answered.has(file.tags['model_version'] ?? ''),
      txn: { appId: `predictions/${taskKey()}`, version: 1 },
    });
    for (const { version: id, score } of versions) {
      const found = score === null ? undefined : await mlflow.models.getVersion(model, id);
      if (score !== null && found !== undefined) {
        await recordScores(mlflow, asModelVersion(found), [score]);
      }
    }
    return { table: PREDICTIONS.name, version };
  }

  async function commitScores(
    { model, reportHash, partition, rows, version: modelVersion }: DriftFindings,
    scores: readonly DriftScore[],
    { version, transformer }: { version: number; transformer: string | null },
    stagingDir: string,
  ): Promise<void> {
    const db = await FeatureDb.open({ threads: 1 });
    await appendRows({
      db,
      tablesRoot,
      schema: DRIFT_SCORES,
      stagingDir: join(stagingDir, 'scores'),
      txn: { appId: `drift/${reportHash}`, version: 1 },
      rows: scores.map((score) => ({
        ...{ report_hash: reportHash, model, model_version: modelVersion, partition, rows },
        ...{ features_version: version, transformer, ...score },
      })),
    }).finally(() => db.close());
  }

  /** Page and values of a window, beside the run that trained the version. */
  async function logDrift(
    { mlflowRunId }: ModelVersion,
    { partition, length, startMs, endMs, readings }: DriftFindings,
    page: string,
  ): Promise<void> {
    const { artifactUri } = await mlflow.runs.get(mlflowRunId);
    await mlflow.artifacts.uploadFile(page, `${artifactUri}/drift/${partition}.html`);
    await mlflow.runs.log(mlflowRunId, {
      // time and step of a point are part of its identity: logging the window again changes nothing
      metrics: readings.map(({ signal, value }) => ({
        ...{ key: length === 'week' ? `drift.${signal}` : `drift.day.${signal}`, value },
        ...{ timestampMs: endMs, step: Math.floor(startMs / DAY_MS) },
      })),
    });
  }

  return {
    planDays: async ({ preset }) => {
      const champion = await findChampion(mlflow, ENSEMBLE);
      if (champion === undefined) return { days: [] };
      await recorder.catchUp(); // a monitor may have ended a moment ago
      const judged = await succeededPartitions(layout, monitorDay.type);
      // a home that takes up days begins behind the flows that the champion knows
      const [first] = [...judged].sort();
      const after = first ?? isoDay(knownToMs(await splitOf(mlflow, champion)) - 1);
      const days = await daysWithFlows(layout, preset.drift.minRows);
      const today = isoDay(Date.now());
      return { days: days.filter((day) => day > after && day < today && !judged.has(day)) };
    },

    judgeWindow: async ({ window: partition, model, preset }) => {
      const champion = await requireChampion(mlflow, model);
      const split = await splitOf(mlflow, champion);
      const [serving, ...others] = await cancellable(`fetching ${model}`, async () =>
        Promise.all(
          (await versionsToAnswer(champion)).map((version) =>
            fetchModel(mlflow, layout, model, version),
          ),
        ),
      );
      if (serving === undefined) throw new Error('the serving version answers');
      const version = await featuresVersion();
      const window = windowOf(partition);
      const input = { serving, others, split, version, window, preset };
      return compute('judgeWindow', input, async ({ output, stagingDir }) => {
        const { findings, versions } = output;
        const scores = signalScores(findings);
        const predictions =
          window.length === 'day' ? null : await commitPredictions(model, partition, versions);
        await commitScores(
          findings,
          scores,
          { version, transformer: serving.transformer },
          stagingDir,
        );
        await saveFindings(layout, findings);
        await logDrift(champion, findings, join(stagingDir, STAGED.driftPage));
        return {
          model: champion,
          transformer: serving.transformer,
          features: { table: FLOW_FEATURES.name, version },
          predictions,
          report: findings,
          scores,
          drifted: findings.readings.some(isAbove),
        };
      });
    },

    tellOfDrift: async ({ model, report }) => {
      const { partition, rows, version, causes } = report;
      const lines = signalRows(signalScores(report)).map((cells) => cells.join('  '));
      const faults = await notices.sendNotice({
        key: `drift/${model}/${report.reportHash}`,
        title: `${model}, ${partition}: ${driftSummary(report)}`,
        text: [
          `${rows} flows of ${partition}, compared with what version ${version} of ${model} was trained on.`,
          ...causes,
          '',
          SIGNAL_HEAD.join('  '),
          ...lines,
          '',
          `sentinel drift --${report.length} ${partition}`,
        ].join('\n'),
        json: { model, ...report },
      });
      return { faults };
    },

    wakeLifecycle: async ({ model, report: judged, preset }) => {
      const workflowId = lifecycleId(model);
      const policy = await policyFor(layout, model, preset);
      const report: WindowReport = { ...judged, policy, preset };
      await temporal.workflow.signalWithStart('lifecycle', {
        workflowId,
        taskQueue: 'control',
        args: [{ model } satisfies LifecycleInput],
        signal: WINDOW_SIGNAL,
        signalArgs: [report],
        staticSummary: `retrain and promote ${model}`,
      });
      return { workflowId };
    },

    awaitDecision: async ({ workflowId, reportHash }) => {
      const handle = temporal.workflow.getHandle(workflowId);
      const context = Context.current();
      for (;;) {
        const outcome = await handle
          .query<Outcome | null, [string]>(OUTCOME_QUERY, reportHash)
          .catch(() => null); // no worker answers at the moment: asked again
        if (outcome !== null) return outcome;
        const { status } = await handle.describe();
        if (status.name !== 'RUNNING') {
          throw new PipelineError({
            code: 'LIFECYCLE_ENDED',
            file: workflowId,
            found: `the workflow is ${status.name} and has decided nothing on report ${reportHash.slice(0, 12)}`,
            fix: 'see why in the Temporal UI; the next report starts it anew',
          });
        }
        await Promise.race([sleep(POLL_MS), context.cancelled]);
      }
    },
  } satisfies Partial<TaskCodes>;
}

const DAY_MS = 86_400_000;
