/**
 * Logged models of MLflow 3: what a run made, with files of its own. The UI shows them beside the run, lists
 * them in the experiment, and leads from a registered version to the one it was made of.
 */
import { z } from 'zod';
import { equals } from './mlflow-filter.js';
import type { MlflowHttp } from './mlflow-http.js';
import { KEY_TAG } from './mlflow-runs.js';
import { type Tags, tagList, tagsSchema } from './mlflow-tags.js';

/** A logged model as the server holds it. */
export interface MlflowLoggedModel {
  /** `m-` and 32 hex digits. */
  readonly modelId: string;
  readonly name: string;
  /** Where its files belong: `mlflow-artifacts:/1/models/<model id>/artifacts` */
  readonly artifactUri: string;
  /** `LOGGED_MODEL_PENDING` until `finish`, then `LOGGED_MODEL_READY`. */
  readonly status: string;
  /** The run that made it. */
  readonly runId: string;
  readonly tags: Tags;
}

/** What a new logged model is made of. */
export interface NewLoggedModel {
  readonly experimentId: string;
  readonly runId: string;
  readonly name: string;
  readonly tags?: Tags;
}

const API = '/api/2.0/mlflow/logged-models';

const modelSchema = z
  .object({
    info: z.object({
      model_id: z.string(),
      name: z.string(),
      artifact_uri: z.string(),
      status: z.string(),
      source_run_id: z.string().default(''),
      tags: tagsSchema,
    }),
  })
  .transform(({ info }): MlflowLoggedModel => ({
    modelId: info.model_id,
    name: info.name,
    artifactUri: info.artifact_uri,
    status: info.status,
    runId: info.source_run_id,
    tags: info.tags,
  }));
const oneModel = z.object({ model: modelSchema });

/** Calls about logged models. Every method throws what `MlflowHttp.json` throws. */
export class MlflowLoggedModels {
  readonly #http: MlflowHttp;

  constructor(http: MlflowHttp) {
    this.#http = http;
  }

  /**
   * The logged model with that key, created when there is none. MLflow offers no lock: should two
   * callers create at the same instant, both stay, and both callers get the older one.
   */
  async ensure({
    key,
    ...wish
  }: NewLoggedModel & { readonly key: string }): Promise<MlflowLoggedModel> {
    const found = await this.#findByKey(wish.experimentId, key);
    if (found !== undefined) return found;
    const call = {
      method: 'POST',
      path: API,
      json: {
        experiment_id: wish.experimentId,
        source_run_id: wish.runId,
        name: wish.name,
        tags: tagList({ ...wish.tags, [KEY_TAG]: key }),
      },
      idempotent: false,
    } as const;
    const { model } = await this.#http.json(call, oneModel);
    return (await this.#findByKey(wish.experimentId, key)) ?? model;
  }

  async get(modelId: string): Promise<MlflowLoggedModel> {
    const call = { method: 'GET', path: `${API}/${modelId}`, idempotent: true } as const;
    return (await this.#http.json(call, oneModel)).model;
  }

  /** Says that all files are there; the UI shows it as ready. Repeatable. */
  async finish(modelId: string): Promise<void> {
    await this.#http.json(
      {
        method: 'PATCH',
        path: `${API}/${modelId}`,
        json: { model_id: modelId, status: 'LOGGED_MODEL_READY' },
        idempotent: true,
      },
      z.unknown(),
    );
  }

  /** The oldest one. */
  async #findByKey(experimentId: string, key: string): Promise<MlflowLoggedModel | undefined> {
    const { models } = await this.#http.json(
      {
        method: 'POST',
        path: `${API}/search`,
        json: {
          experiment_ids: [experimentId],
          filter: equals(`tags.\`${KEY_TAG}\``, key),
          order_by: [{ field_name: 'creation_timestamp', ascending: true }],
          max_results: 1,
        },
        idempotent: true,
      },
      z.object({ models: z.array(modelSchema).default([]) }),
    );
    return models[0];
  }
}
