/** Every activity a worker serves, made from what it depends on. */
import type { Client } from '@temporalio/client';
import type { JsonObject } from '../contracts/json.js';
import type { HomeLayout } from '../contracts/home.js';
import type { Plan } from '../dag/plan.js';
import { MlflowClient } from '../models/registry/mlflow-client.js';
import { createAssetActivities } from './assets.js';
import { createCallbackActivities } from './callbacks.js';
import { createBackfillActivities } from './backfill.js';
import { checkedActivities, toFailure } from './checked.js';
import { createCompute, type Compute } from './compute.js';
import { createEngineActivities } from './engine.js';
import { cancellable, withHeartbeats } from './heartbeats.js';
import { ingestTasks } from './ingest.js';
import { createLifecycleActivities } from './lifecycle.js';
import { monitoringTasks } from './monitoring.js';
import { createNoticeActivities } from './notices.js';
import { planStore } from './plan-store.js';
import { reportingTasks } from './reporting.js';
import { retrainingTasks } from './retraining.js';
import { runHistory } from './run-history.js';
import type { RunRecorder } from './run-recorder.js';
import { withTaskLogs } from './task-log.js';
import { trainingTasks } from './training.js';

/** What the activities of a worker share. */
export interface ActivityDependencies {
  readonly layout: HomeLayout;
  readonly compute: Compute;
  readonly mlflow: MlflowClient;
  readonly temporal: Client;
  readonly recorder: RunRecorder;
}

/** What a worker is told when it starts; paths are absolute. */
export interface WorkerSetting {
  readonly layout: HomeLayout;
  readonly setupDir: string;
  /** The compiled program of compute children. */
  readonly computeEntry: string;
  /** Threads of one compute child. @default one for each core */
  readonly threads?: number;
  readonly mlflowUrl: string;
  readonly temporal: Client;
  /** Of this home; its sinks belong to the worker that serves workflows. */
  readonly recorder: RunRecorder;
  /** Defaults of DAG parameters: where the input lies, which preset. @default none */
  readonly params?: JsonObject;
  /** The newest plan of each DAG, by id. */
  readonly plans: ReadonlyMap<string, Plan>;
}

type Activity = (...args: never[]) => Promise<unknown>;

/** The activities of one worker, by name. */
export function createActivities(setting: WorkerSetting): Record<string, Activity> {
  const { layout, setupDir, computeEntry, mlflowUrl, temporal, recorder, plans } = setting;
  const dependencies: ActivityDependencies = {
    layout,
    temporal,
    recorder,
    compute: createCompute({
      ...{ layout, setupDir, entry: computeEntry },
      ...(setting.threads !== undefined && { threads: setting.threads }),
    }),
    mlflow: new MlflowClient({ baseUrl: mlflowUrl }),
  };
  const engine = createEngineActivities({
    plans: planStore(layout.plans, plans),
    history: runHistory(layout, temporal),
    params: setting.params ?? {},
  });
  return {
    ...withCodes(engine),
    ...withCodes(createAssetActivities({ temporal, plans })),
    ...withCodes(createCallbackActivities({ layout })),
    ...withCodes(
      createBackfillActivities({ layout, temporal, recorder, plans, params: setting.params ?? {} }),
    ),
    ...withCodes(createLifecycleActivities(dependencies)),
    ...withCodes(createNoticeActivities({ layout })),
    ...withTaskLogs(
      layout,
      checkedActivities({
        ...ingestTasks(dependencies),
        ...trainingTasks(dependencies),
        ...retrainingTasks(dependencies),
        ...monitoringTasks(dependencies),
        ...reportingTasks(dependencies),
      }),
    ),
  };
}

/** The engine's own activities have no schemas, but they heartbeat and their failures carry codes too. */
function withCodes(activities: Record<string, Activity>): Record<string, Activity> {
  return Object.fromEntries(
    Object.entries(activities).map(([name, activity]) => [
      name,
      (...args: never[]) =>
        withHeartbeats(() => cancellable(name, () => activity(...args))).catch((error: unknown) => {
          throw toFailure(error);
        }),
    ]),
  );
}
