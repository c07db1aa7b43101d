/**
 * The model registry: registered models, their versions, and the aliases on them.
 */
import { z } from 'zod';
import { PipelineError } from '../../contracts/errors.js';
import { equals } from './mlflow-filter.js';
import { type MlflowHttp, MlflowRejection } from './mlflow-http.js';
import { KEY_TAG } from './mlflow-runs.js';
import { type Tags, tagList, tagsSchema } from './mlflow-tags.js';

/** One version of a registered model. */
export interface MlflowModelVersion {
  readonly name: string;
  /** `1`, `2`, … as text, as MLflow has it */
  readonly version: string;
  readonly runId: string | undefined;
  /** Where its files lie, e.g. `mlflow-artifacts:/1/<run id>/artifacts/model` */
  readonly source: string;
  readonly status: string;
  readonly description: string;
  /** UTC, ms since 1970 */
  readonly createdAtMs: number;
  readonly tags: Tags;
  readonly aliases: readonly string[];
}

/** What a new version is made of. */
export interface NewModelVersion {
  readonly name: string;
  readonly runId: string;
  /** The logged model whose files lie at `source`. */
  readonly modelId?: string;
  readonly source: string;
  readonly tags?: Tags;
  readonly description?: string;
}

/** A registered model and what its aliases point at: alias -> version. */
export interface MlflowRegisteredModel {
  readonly name: string;
  readonly description: string;
  readonly tags: Tags;
  readonly aliases: Readonly<Record<string, string>>;
}

const API = '/api/2.0/mlflow';
const nothing = z.unknown();

const versionSchema = z
  .object({
    name: z.string(),
    version: z.coerce.string(),
    run_id: z.string().optional(),
    source: z.string().default(''),
    status: z.string().default('READY'),
    description: z.string().default(''),
    creation_timestamp: z.coerce.number().default(0),
    tags: tagsSchema,
    aliases: z.array(z.string()).default([]),
  })
  .transform(({ run_id, creation_timestamp, ...rest }): MlflowModelVersion => ({
    ...rest,
    runId: run_id === '' ? undefined : run_id,
    createdAtMs: creation_timestamp,
  }));
const oneVersion = z.object({ model_version: versionSchema });

const modelSchema = z
  .object({
    name: z.string(),
    description: z.string().default(''),
    tags: tagsSchema,
    aliases: z
      .array(z.object({ alias: z.string(), version: z.coerce.string() }))
      .default([])
      .transform((list) => Object.fromEntries(list.map(({ alias, version }) => [alias, version]))),
  })
  .transform((model): MlflowRegisteredModel => model);

/** Calls about the registry. Every method throws what `MlflowHttp.json` throws. */
export class MlflowModels {
  readonly #http: MlflowHttp;

  constructor(http: MlflowHttp) {
    this.#http = http;
  }

  /** Creates the registered model when there is none of that name. */
  async ensureModel(
    name: string,
    options: { tags?: Tags; description?: string } = {},
  ): Promise<void> {
    const { tags = {}, description } = options;
    try {
      await this.#http.json(
        {
          method: 'POST',
          path: `${API}/registered-models/create`,
          json: { name, tags: tagList(tags), ...(description !== undefined && { description }) },
          idempotent: true,
        },
        nothing,
      );
    } catch (error) {
      const exists =
        error instanceof MlflowRejection && error.mlflowCode === 'RESOURCE_ALREADY_EXISTS';
      if (!exists) throw error;
    }
  }

  /** The registered model, or undefined when there is none of that name. */
  async getModel(name: string): Promise<MlflowRegisteredModel | undefined> {
    return this.#absentAsUndefined(async () => {
      const call = {
        method: 'GET',
        path: `${API}/registered-models/get`,
        query: { name },
      } as const;
      const schema = z.object({ registered_model: modelSchema });
      return (await this.#http.json({ ...call, idempotent: true }, schema)).registered_model;
    });
  }

  /** Every registered model, by name. */
  async listModels(): Promise<MlflowRegisteredModel[]> {
    const schema = z.object({
      registered_models: z.array(modelSchema).default([]),
      next_page_token: z.string().optional(),
    });
    return this.#pages(async (token) => {
      const answer = await this.#http.json(
        {
          method: 'GET',
          path: `${API}/registered-models/search`,
          query: { max_results: 1000, page_token: token },
          idempotent: true,
        },
        schema,
      );
      return { values: answer.registered_models, next: answer.next_page_token };
    });
  }

  /** Removes a registered model with all its versions; nothing happens when there is none. */
  async deleteModel(name: string): Promise<void> {
    await this.#absentAsUndefined(() =>
      this.#change('DELETE', 'registered-models/delete', { name }),
    );
  }

  /** A new version. Not repeatable: two calls make two versions, see `ensureModelVersion`. */
  async createVersion({
    name,
    runId,
    modelId,
    source,
    tags = {},
    description,
  }: NewModelVersion): Promise<MlflowModelVersion> {
    const { model_version } = await this.#http.json(
      {
        method: 'POST',
        path: `${API}/model-versions/create`,
        json: {
          name,
          source,
          run_id: runId,
          tags: tagList(tags),
          ...(modelId !== undefined && { model_id: modelId }),
          ...(description !== undefined && { description }),
        },
        idempotent: false,
      },
      oneVersion,
    );
    return model_version;
  }

  /**
   * The version with that key, created (with its registered model) when there is none. Of two callers
   * at the same time both get the lower version, and the higher one is deleted.
   */
  async ensureModelVersion({
    key,
    ...version
  }: NewModelVersion & { readonly key: string }): Promise<MlflowModelVersion> {
    await this.ensureModel(version.name);
    const found = await this.#findByKey(version.name, key);
    if (found !== undefined) return found;
    const created = await this.createVersion({
      ...version,
      tags: { ...version.tags, [KEY_TAG]: key },
    });
    const lowest = (await this.#findByKey(version.name, key)) ?? created;
    if (lowest.version !== created.version) {
      await this.deleteVersion(created.name, created.version);
    }
    return lowest;
  }

  async getVersion(name: string, version: string): Promise<MlflowModelVersion | undefined> {
    return this.#absentAsUndefined(async () => {
      const call = {
        method: 'GET',
        path: `${API}/model-versions/get`,
        query: { name, version },
      } as const;
      return (await this.#http.json({ ...call, idempotent: true }, oneVersion)).model_version;
    });
  }

  /**
   * Versions of one model that carry all the tags, newest first, each with its aliases.
   */
  async listVersions(name: string, tags: Tags = {}): Promise<MlflowModelVersion[]> {
    const schema = z.object({
      model_versions: z.array(versionSchema).default([]),
      next_page_token: z.string().optional(),
    });
    const filter = [
      equals('name', name),
      ...Object.entries(tags).map(([key, value]) => equals(`tags."${key}"`, value)),
    ];
    const versions = await this.#pages(async (token) => {
      const answer = await this.#http.json(
        {
          method: 'GET',
          path: `${API}/model-versions/search`,
          query: { filter: filter.join(' AND '), max_results: 1000, page_token: token },
          idempotent: true,
        },
        schema,
      );
      return { values: answer.model_versions, next: answer.next_page_token };
    });
    return versions.sort((a, b) => Number(b.version) - Number(a.version));
  }

  /** Sets tags of a version; others stay. */
  async setVersionTags(name: string, version: string, tags: Tags): Promise<void> {
    for (const tag of tagList(tags)) {
      await this.#change('POST', 'model-versions/set-tag', { name, version, ...tag });
    }
  }

  /** Replaces the description of a version: Markdown, shown in the UI. */
  async describeVersion(name: string, version: string, description: string): Promise<void> {
    await this.#change('PATCH', 'model-versions/update', { name, version, description });
  }

  async deleteVersion(name: string, version: string): Promise<void> {
    await this.#change('DELETE', 'model-versions/delete', { name, version });
  }

  /** Points an alias (`champion`, `challenger`) at a version; it moves when it was elsewhere. */
  async setAlias(name: string, alias: string, version: string): Promise<void> {
    await this.#change('POST', 'registered-models/alias', { name, alias, version });
  }

  /** The version an alias points at, or undefined when model or alias do not exist. */
  async getByAlias(name: string, alias: string): Promise<MlflowModelVersion | undefined> {
    return this.#absentAsUndefined(async () => {
      const call = {
        method: 'GET',
        path: `${API}/registered-models/alias`,
        query: { name, alias },
      } as const;
      return (await this.#http.json({ ...call, idempotent: true }, oneVersion)).model_version;
    });
  }

  /** Removes an alias; nothing happens when there is none. */
  async deleteAlias(name: string, alias: string): Promise<void> {
    await this.#absentAsUndefined(() =>
      this.#change('DELETE', 'registered-models/alias', { name, alias }),
    );
  }

  async #findByKey(name: string, key: string): Promise<MlflowModelVersion | undefined> {
    return (await this.listVersions(name, { [KEY_TAG]: key })).at(-1);
  }

  async #change(method: 'POST' | 'PATCH' | 'DELETE', path: string, json: unknown): Promise<void> {
    await this.#http.json({ method, path: `${API}/${path}`, json, idempotent: true }, nothing);
  }

  async #absentAsUndefined<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      if (error instanceof PipelineError && isAbsent(error)) return undefined;
      throw error;
    }
  }

  async #pages<T>(
    read: (token: string | undefined) => Promise<{ values: T[]; next: string | undefined }>,
  ): Promise<T[]> {
    const all: T[] = [];
    for (let token: string | undefined; ;) {
      const { values, next } = await read(token);
      all.push(...values);
      if (next === undefined || next === '') return all;
      token = next;
    }
  }
}

/** A missing alias is answered with 400 INVALID_PARAMETER_VALUE, not with 404. */
function isAbsent(error: PipelineError): boolean {
  return (
    error instanceof MlflowRejection &&
    (error.mlflowCode === 'RESOURCE_DOES_NOT_EXIST' ||
      /alias .* not found/i.test(error.fault.found))
  );
}
