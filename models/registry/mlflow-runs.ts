/**
 * Experiments and runs of the tracking server.
 */
import { z } from 'zod';
import { PipelineError } from '../../contracts/errors.js';
import { equals } from './mlflow-filter.js';
import { type MlflowHttp, MlflowRejection } from './mlflow-http.js';
import { type Tags, inChunks, tagList, tagsSchema } from './mlflow-tags.js';

/** Tag that makes a creation repeatable: MLflow itself would create a second one. */
export const KEY_TAG = 'sentinel.key';

/** Final and open states of a run. */
const RUN_STATUSES = ['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED'] as const;

/** Status of a run, in MLflow's words. */
export type MlflowRunStatus = (typeof RUN_STATUSES)[number];

/** A run as the server holds it. */
export interface MlflowRun {
  readonly runId: string;
  readonly experimentId: string;
  readonly name: string;
  readonly status: MlflowRunStatus;
  /** UTC, ms since 1970 */
  readonly startTimeMs: number;
  /** UTC, ms since 1970; undefined while it runs */
  readonly endTimeMs: number | undefined;
  /** e.g. `mlflow-artifacts:/1/<run id>/artifacts` */
  readonly artifactUri: string;
  readonly tags: Tags;
  readonly params: Readonly<Record<string, string>>;
  /** The last value of each metric; NaN and infinities as such. */
  readonly metrics: Readonly<Record<string, number>>;
  /** The logged models it made; empty in the answers of a search. */
  readonly modelIds: readonly string[];
}

/** What a new run is made of. */
export interface NewRun {
  readonly experiment: string;
  readonly name?: string;
  readonly tags?: Tags;
  /** UTC, ms since 1970. @default now */
  readonly startTimeMs?: number;
}

/** One value of a metric. */
export interface MlflowMetric {
  readonly key: string;
  readonly value: number;
  /** UTC, ms since 1970; the same metric sent twice with the same time is stored once */
  readonly timestampMs: number;
  /** Round or epoch, from 0. @default 0 */
  readonly step?: number;
  /** The logged model that it measures, which then shows it too. */
  readonly modelId?: string;
}

/** A data set that a run read. */
export interface MlflowDataset {
  readonly name: string;
  /** At most 36 characters; with the name it identifies the data. */
  readonly digest: string;
  readonly sourceType: string;
  /** JSON or a URI: where the data lies. */
  readonly source: string;
  /** JSON */
  readonly schema?: string;
  /** JSON: counts, ranges. */
  readonly profile?: string;
  /** Role in the run: `training`, `validation`, `test`. */
  readonly context: string;
}

// The server's own limits for one call, validated in mlflow/utils/validation.py.
const MAX_METRICS = 1000;
const MAX_PARAMS = 100;
const MAX_TAGS = 100;

const API = '/api/2.0/mlflow';
const nothing = z.unknown();

const metricSchema = z.object({
  key: z.string(),
  // protobuf's JSON writes NaN and Infinity as strings
  value: z.union([z.number(), z.string()]).transform(Number),
  timestamp: z.coerce.number(),
  step: z.coerce.number().default(0),
});

const runSchema = z
  .object({
    info: z.object({
      run_id: z.string(),
      experiment_id: z.string(),
      run_name: z.string().default(''),
      status: z.enum(RUN_STATUSES),
      start_time: z.coerce.number().default(0),
      end_time: z.coerce.number().optional(),
      artifact_uri: z.string(),
    }),
    data: z
      .object({
        metrics: z.array(metricSchema).default([]),
        params: z.array(z.object({ key: z.string(), value: z.string().default('') })).default([]),
        tags: tagsSchema,
      })
      .default({ metrics: [], params: [], tags: {} }),
    outputs: z
      .object({ model_outputs: z.array(z.object({ model_id: z.string() })).default([]) })
      .default({ model_outputs: [] }),
  })
  .transform(({ info, data, outputs }): MlflowRun => ({
    runId: info.run_id,
    experimentId: info.experiment_id,
    name: info.run_name,
    status: info.status,
    startTimeMs: info.start_time,
    endTimeMs: info.end_time,
    artifactUri: info.artifact_uri,
    tags: data.tags,
    params: Object.fromEntries(data.params.map(({ key, value }) => [key, value])),
    metrics: Object.fromEntries(data.metrics.map(({ key, value }) => [key, value])),
    modelIds: outputs.model_outputs.map(({ model_id }) => model_id),
  }));

const experimentSchema = z.object({
  experiment: z.object({ experiment_id: z.string(), lifecycle_stage: z.string() }),
});

/** Calls about experiments and runs. Every method throws what `MlflowHttp.json` throws. */
export class MlflowRuns {
  readonly #http: MlflowHttp;
  readonly #experimentIds = new Map<string, string>();
  readonly #ensuring = new Map<string, Promise<MlflowRun>>();

  constructor(http: MlflowHttp) {
    this.#http = http;
  }

  /**
   * Id of the experiment of that name, created when there is none.
   *
   * @throws PipelineError MLFLOW_REJECTED when it was deleted
   */
  async ensureExperiment(name: string): Promise<string> {
    const known = this.#experimentIds.get(name);
    if (known !== undefined) return known;
    const id = (await this.#findExperiment(name)) ?? (await this.#createExperiment(name));
    this.#experimentIds.set(name, id);
    return id;
  }

  /** A new run. Not repeatable: two calls make two runs, see `ensureRun`. */
  async create({
    experiment,
    name,
    tags = {},
    startTimeMs = Date.now(),
  }: NewRun): Promise<MlflowRun> {
    const experimentId = await this.ensureExperiment(experiment);
    const { run } = await this.#http.json(
      {
        method: 'POST',
        path: `${API}/runs/create`,
        json: {
          experiment_id: experimentId,
          start_time: startTimeMs,
          tags: tagList(tags),
          ...(name !== undefined && { run_name: name }),
        },
        idempotent: false,
      },
      z.object({ run: runSchema }),
    );
    return run;
  }

  /**
   * The run with that key, created when there is none. Calls of one client at the same time share the
   * run. MLflow offers no lock between processes: should two create at the same instant, both runs
   * stay, since either may be in use, and every later call gets the older one.
   */
  async ensureRun(wish: NewRun & { readonly key: string }): Promise<MlflowRun> {
    const id = JSON.stringify([wish.experiment, wish.key]);
    const underWay = this.#ensuring.get(id);
    if (underWay !== undefined) return underWay;
    const run = this.#findOrCreate(wish).finally(() => this.#ensuring.delete(id));
    this.#ensuring.set(id, run);
    return run;
  }

  /** The oldest run of the experiment with that key. */
  async findByKey(experiment: string, key: string): Promise<MlflowRun | undefined> {
    const runs = await this.search({ experiment, tags: { [KEY_TAG]: key } });
    return runs.sort((a, b) => a.startTimeMs - b.startTimeMs || (a.runId < b.runId ? -1 : 1))[0];
  }

  /** Every run of the experiment that carries all the tags, newest first. */
  async search({
    experiment,
    tags = {},
  }: {
    experiment: string;
    tags?: Tags;
  }): Promise<MlflowRun[]> {
    const experimentId = await this.ensureExperiment(experiment);
    const filter = Object.entries(tags).map(([key, value]) => equals(`tags."${key}"`, value));
    const page = z.object({
      runs: z.array(runSchema).default([]),
      next_page_token: z.string().optional(),
    });
    const runs: MlflowRun[] = [];
    for (let token: string | undefined; ;) {
      const answer = await this.#http.json(
        {
          method: 'POST',
          path: `${API}/runs/search`,
          json: {
            experiment_ids: [experimentId],
            filter: filter.join(' AND '),
            max_results: 1000,
            order_by: ['attributes.start_time DESC'],
            run_view_type: 'ACTIVE_ONLY',
            ...(token !== undefined && { page_token: token }),
          },
          idempotent: true,
        },
        page,
      );
      runs.push(...answer.runs);
      if (answer.next_page_token === undefined || answer.next_page_token === '') return runs;
      token = answer.next_page_token;
    }
  }

  async get(runId: string): Promise<MlflowRun> {
    const call = { method: 'GET', path: `${API}/runs/get`, query: { run_id: runId } } as const;
    return (await this.#http.json({ ...call, idempotent: true }, z.object({ run: runSchema }))).run;
  }

  /** Sets state, name or end of a run. */
  async update(
    runId: string,
    change: { status?: MlflowRunStatus; endTimeMs?: number; name?: string },
  ): Promise<void> {
    await this.#post('runs/update', {
      run_id: runId,
      ...(change.status !== undefined && { status: change.status }),
      ...(change.endTimeMs !== undefined && { end_time: change.endTimeMs }),
      ...(change.name !== undefined && { run_name: change.name }),
    });
  }

  /** Closes a run. @param endTimeMs UTC, ms since 1970 */
  async finish(
    runId: string,
    status: 'FINISHED' | 'FAILED' | 'KILLED' = 'FINISHED',
    endTimeMs = Date.now(),
  ): Promise<void> {
    await this.update(runId, { status, endTimeMs });
  }

  /**
   * Metrics, parameters and tags in as few calls as the server allows. Repeatable, since metrics carry
   * their times. A parameter cannot be changed later; its value holds at most 6000 characters.
   */
  async log(
    runId: string,
    values: { metrics?: readonly MlflowMetric[]; params?: Tags; tags?: Tags },
  ): Promise<void> {
    const metrics = (values.metrics ?? []).map(
      ({ key, value, timestampMs, step = 0, modelId }) => ({
        key,
        value: Number.isFinite(value) ? value : String(value), // JSON has no NaN; protobuf reads the words
        timestamp: timestampMs,
        step,
        ...(modelId !== undefined && { model_id: modelId }),
      }),
    );
    const batches = [
      ...inChunks(metrics, MAX_METRICS).map((chunk) => ({ metrics: chunk })),
      ...inChunks(tagList(values.params ?? {}), MAX_PARAMS).map((chunk) => ({ params: chunk })),
      ...inChunks(tagList(values.tags ?? {}), MAX_TAGS).map((chunk) => ({ tags: chunk })),
    ];
    for (const batch of batches) await this.#post('runs/log-batch', { run_id: runId, ...batch });
  }

  /** Every value of one metric, in the order of its steps. */
  async metricHistory(runId: string, key: string): Promise<MlflowMetric[]> {
    const page = z.object({
      metrics: z.array(metricSchema).default([]),
      next_page_token: z.string().optional(),
    });
    const values: MlflowMetric[] = [];
    for (let token: string | undefined; ;) {
      const answer = await this.#http.json(
        {
          method: 'GET',
          path: `${API}/metrics/get-history`,
          query: { run_id: runId, metric_key: key, max_results: 25_000, page_token: token },
          idempotent: true,
        },
        page,
      );
      for (const { timestamp, ...metric } of answer.metrics) {
        values.push({ ...metric, timestampMs: timestamp });
      }
      if (answer.next_page_token === undefined || answer.next_page_token === '') {
        return values.sort((a, b) => (a.step ?? 0) - (b.step ?? 0));
      }
      token = answer.next_page_token;
    }
  }

  /** Notes the data sets that a run read; the same one twice is noted once. */
  async logInputs(runId: string, datasets: readonly MlflowDataset[]): Promise<void> {
    await this.#post('runs/log-inputs', {
      run_id: runId,
      datasets: datasets.map(({ context, sourceType, ...dataset }) => ({
        tags: [{ key: 'mlflow.data.context', value: context }],
        dataset: { ...dataset, source_type: sourceType },
      })),
    });
  }

  /** Notes that a run made a logged model; the same one twice is noted once. */
  async logModel(runId: string, modelId: string): Promise<void> {
    const { modelIds } = await this.get(runId);
    if (modelIds.includes(modelId)) return; // the server would note it again
    await this.#post('runs/outputs', { run_id: runId, models: [{ model_id: modelId, step: 0 }] });
  }

  /** Marks a run deleted; the server's garbage collection removes it later. */
  async delete(runId: string): Promise<void> {
    await this.#post('runs/delete', { run_id: runId });
  }

  async #findOrCreate({ key, ...run }: NewRun & { readonly key: string }): Promise<MlflowRun> {
    const found = await this.findByKey(run.experiment, key);
    if (found !== undefined) return found;
    const created = await this.create({ ...run, tags: { ...run.tags, [KEY_TAG]: key } });
    return (await this.findByKey(run.experiment, key)) ?? created;
  }

  async #findExperiment(name: string): Promise<string | undefined> {
    try {
      const { experiment } = await this.#http.json(
        {
          method: 'GET',
          path: `${API}/experiments/get-by-name`,
          query: { experiment_name: name },
          idempotent: true,
        },
        experimentSchema,
      );
      if (experiment.lifecycle_stage === 'active') return experiment.experiment_id;
      throw new PipelineError({
        code: 'MLFLOW_REJECTED',
        found: `experiment "${name}" is ${experiment.lifecycle_stage}`,
        expected: 'an active one',
        fix: `restore it with \`sentinel mlflow experiments restore --experiment-id ${experiment.experiment_id}\``,
      });
    } catch (error) {
      if (isRejection(error, 'RESOURCE_DOES_NOT_EXIST')) return undefined;
      throw error;
    }
  }

  async #createExperiment(name: string): Promise<string> {
    try {
      const call = {
        method: 'POST',
        path: `${API}/experiments/create`,
        json: { name, tags: EXPERIMENT_TAGS },
      } as const;
      const schema = z.object({ experiment_id: z.string() });
      return (await this.#http.json({ ...call, idempotent: true }, schema)).experiment_id;
    } catch (error) {
      const found = isRejection(error, 'RESOURCE_ALREADY_EXISTS')
        ? await this.#findExperiment(name) // another worker was faster, or a retry followed a success
        : undefined;
      if (found !== undefined) return found;
      throw error;
    }
  }

  async #post(path: string, json: unknown): Promise<void> {
    await this.#http.json(
      { method: 'POST', path: `${API}/${path}`, json, idempotent: true },
      nothing,
    );
  }
}

/** The UI shows training runs for this kind, and traces of language models for others. */
const EXPERIMENT_TAGS = tagList({ 'mlflow.experimentKind': 'custom_model_development' });

function isRejection(error: unknown, mlflowCode: string): boolean {
  return error instanceof MlflowRejection && error.mlflowCode === mlflowCode;
}
