/**
 * Layout of a home: the one folder that holds all state, to be backed up or deleted as a whole.
 *
 * @param tables absolute folder or `s3://bucket/prefix`, when the tables do not lie in the home
 */
export function homeLayout(home: string, tables = `${home}/tables`) {
  return {
    home,
    /** Delta tables, one folder each. */
    tables,
    /** `<hash>.json`, one for each fitted transformer; a training set names the one it was made with. */
    transformers: `${home}/transformers`,
    /** `<hash>.json`, one for each plan that a run has used. */
    plans: `${home}/plans`,
    /** Large values of runs, by hash; `sentinel payloads collect` removes those that nothing needs. */
    payloads: `${home}/payloads`,
    /** `<model>.json`, by which each model is retrained and promoted; what is left out is the preset's. */
    policies: `${home}/policies`,
    reports: `${home}/reports`,
    /** One file for each callback that was told, so that it is told once. */
    callbacks: `${home}/callbacks`,
    /** Whom to tell by webhook and mail; written by people. */
    notify: `${home}/notify.json`,
    /** One file for each notice and channel that was told, so that it is told once. */
    notices: `${home}/notices`,
    /** What compute children write before an activity commits it; safe to delete when nothing runs. */
    staging: `${home}/staging`,
    /** What trainings that were cut short go on from, one folder for each task; safe to delete. */
    checkpoints: `${home}/checkpoints`,
    /** Model artifacts fetched from the registry; safe to delete. */
    modelCache: `${home}/model-cache`,
    /** pid, start time and port of each process of this home. */
    processes: `${home}/run`,
    /** Defaults of DAG parameters that the newest `sentinel up` was given. */
    params: `${home}/params.json`,
    logs: `${home}/logs`,
    /** `<dagRunId>.<temporalRunId>.log`, the first part URI-encoded; kept until they are deleted by hand. */
    runLogs: `${home}/logs/runs`,
    temporal: `${home}/temporal`,
    mlflow: `${home}/mlflow`,
    generated: `${home}/generated`,
    /** Remote inputs as they were fetched, `<scheme>/<host>/<path>`; what is deleted is fetched again. */
    remoteSources: `${home}/remote-sources`,
  } as const;
}

/** Absolute paths inside one home. */
export type HomeLayout = ReturnType<typeof homeLayout>;
