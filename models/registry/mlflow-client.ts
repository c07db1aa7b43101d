/**
 * A typed client for MLflow's REST interface: tracking, artifacts and model registry.
 *
 * MLflow's own JavaScript packages write traces only, and its creations are not repeatable; here every
 * `ensure…` may be called again after a crash and leads to the same run, version or model.
 */
import { MlflowArtifacts } from './mlflow-artifacts.js';
import { MlflowHttp, type MlflowOptions } from './mlflow-http.js';
import { MlflowLoggedModels } from './mlflow-logged-models.js';
import { MlflowModels } from './mlflow-models.js';
import { MlflowRuns } from './mlflow-runs.js';

/** One server. `new MlflowClient({ baseUrl: 'http://127.0.0.1:5000' })`; nothing needs closing. */
export class MlflowClient {
  readonly runs: MlflowRuns;
  readonly artifacts: MlflowArtifacts;
  readonly loggedModels: MlflowLoggedModels;
  readonly models: MlflowModels;
  readonly #http: MlflowHttp;

  constructor(options: MlflowOptions) {
    this.#http = new MlflowHttp(options);
    this.runs = new MlflowRuns(this.#http);
    this.artifacts = new MlflowArtifacts(this.#http);
    this.loggedModels = new MlflowLoggedModels(this.#http);
    this.models = new MlflowModels(this.#http);
  }

  /** Version of the server, e.g. `3.17.2`. @throws PipelineError MLFLOW_HTTP when it does not answer */
  async version(): Promise<string> {
    const response = await this.#http.send({ method: 'GET', path: '/version', idempotent: true });
    return (await response.text()).trim();
  }

  /** Address of a run's page in the UI. */
  runPage(run: { experimentId: string; runId: string }): string {
    return `${this.#http.baseUrl}/#/experiments/${run.experimentId}/runs/${run.runId}`;
  }

  /** Address of a model version's page in the UI. */
  versionPage(name: string, version: string): string {
    return `${this.#http.baseUrl}/#/models/${encodeURIComponent(name)}/versions/${version}`;
  }
}
