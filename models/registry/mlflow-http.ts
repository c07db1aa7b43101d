/**
 * One HTTP call to an MLflow server: retried where that is safe, answered with a checked value, failing
 * with the method, the path, the status and the server's own words.
 *
 * @see https://mlflow.org/docs/3.17.2/api_reference/rest-api.html
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { PipelineError } from '../../contracts/errors.js';

/** Where the server is, and how patient the client is with it. */
export interface MlflowOptions {
  /** Scheme, host and port, e.g. `http://127.0.0.1:5000`. MLflow refuses host names it was not told. */
  readonly baseUrl: string;
  /** @default the global `fetch` */
  readonly fetch?: typeof fetch;
  /** Tries of a call that may be repeated. @default 5 */
  readonly maxTries?: number;
  /** Wait before the second try, doubled for each further one, in ms. @default 200 */
  readonly firstWaitMs?: number;
  /** Limit of one JSON call, in ms; transfers of artifacts have none. @default 60000 */
  readonly timeoutMs?: number;
}

/** One call; `idempotent` calls are retried after 429, 5xx, a lost connection and a race in the server's database. */
export interface MlflowCall {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly json?: unknown;
  /** Bytes to send, opened anew for each try. */
  readonly body?: () => { readonly stream: ReadableStream<Uint8Array>; readonly sizeBytes: number };
  readonly idempotent: boolean;
  /** @default false, which is right for JSON; transfers take as long as they take */
  readonly isTransfer?: boolean;
}

/** The server said no: its error code, e.g. `RESOURCE_DOES_NOT_EXIST`, beside the fault. */
export class MlflowRejection extends PipelineError {
  readonly status: number;
  readonly mlflowCode: string;

  constructor(call: MlflowCall, status: number, answer: { code: string; message: string }) {
    const isRetryable = isTransient(status) || DATABASE_RACE.test(answer.message);
    super({
      code: isRetryable ? 'MLFLOW_HTTP' : 'MLFLOW_REJECTED',
      found: `${call.method} ${call.path}: ${status} ${answer.code} ${answer.message}`.trim(),
      expected: '2xx',
      fix: isRetryable
        ? 'look into the log of the MLflow server; the call is tried again later'
        : 'change what the call asks for as the answer says; the same call will fail again',
    });
    this.status = status;
    this.mlflowCode = answer.code;
  }
}

const errorSchema = z.object({
  error_code: z.union([z.string(), z.number()]).default(''),
  message: z.string().default(''),
});

/** Sends calls to one server. It holds no connection of its own and needs no closing. */
export class MlflowHttp {
  readonly baseUrl: string;
  readonly #fetch: typeof fetch;
  readonly #maxTries: number;
  readonly #firstWaitMs: number;
  readonly #timeoutMs: number;

  constructor(options: MlflowOptions) {
    this.baseUrl = options.baseUrl.replace(/\/+$/, '');
    this.#fetch = options.fetch ?? globalThis.fetch;
    this.#maxTries = options.maxTries ?? 5;
    this.#firstWaitMs = options.firstWaitMs ?? 200;
    this.#timeoutMs = options.timeoutMs ?? 60_000;
  }

  /**
   * The answer's JSON, checked.
   *
   * @throws PipelineError MLFLOW_HTTP (unreachable, 429, 5xx), MLFLOW_REJECTED (4xx), MLFLOW_RESPONSE (another shape)
   */
  async json<S extends z.ZodType>(call: MlflowCall, schema: S): Promise<z.infer<S>> {
    const response = await this.send(call);
    const text = await response.text();
    const parsed = schema.safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    throw new PipelineError(
      {
        code: 'MLFLOW_RESPONSE',
        found: `${call.method} ${call.path}: ${text.slice(0, 200)}`,
        expected: parsed.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`).join('; '),
        fix: 'check that the address is an MLflow 3 server',
      },
      { cause: parsed.error },
    );
  }

  /**
   * The answer itself; its status is 2xx.
   *
   * @throws PipelineError MLFLOW_HTTP, MLFLOW_REJECTED
   */
  async send(call: MlflowCall): Promise<Response> {
    const maxTries = call.idempotent ? this.#maxTries : 1;
    for (let tries = 1; ; tries++) {
      const outcome = await this.#try(call);
      if (outcome instanceof Response) return outcome;
      const { error, retryAfterMs } = outcome;
      if (tries >= maxTries || error.code !== 'MLFLOW_HTTP') throw error;
      // half to all of the wait, so that several workers do not return in step
      const waitMs = this.#firstWaitMs * 2 ** (tries - 1) * (0.5 + Math.random() / 2);
      await sleep(Math.max(waitMs, retryAfterMs));
    }
  }

  async #try(call: MlflowCall): Promise<Response | { error: PipelineError; retryAfterMs: number }> {
    let response: Response;
    try {
      response = await this.#fetch(this.#url(call), this.#init(call));
    } catch (cause) {
      return { error: unreachable(call, this.baseUrl, cause), retryAfterMs: 0 };
    }
    if (response.ok) return response;
    const retryAfterMs = 1000 * (Number(response.headers.get('retry-after')) || 0);
    const text = await response.text().catch(() => ''); // a lost body leaves the status to report
    const parsed = errorSchema.safeParse(parseJson(text));
    const answer = parsed.success
      ? { code: String(parsed.data.error_code), message: parsed.data.message }
      : { code: '', message: text.replaceAll(/\s+/g, ' ').slice(0, 200) };
    return { error: new MlflowRejection(call, response.status, answer), retryAfterMs };
  }

  #url(call: MlflowCall): URL {
    const url = new URL(this.baseUrl + call.path);
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    return url;
  }

  #init(call: MlflowCall): RequestInit {
    const init: RequestInit = { method: call.method };
    if (call.isTransfer !== true) init.signal = AbortSignal.timeout(this.#timeoutMs);
    if (call.json !== undefined) {
      init.headers = { 'content-type': 'application/json' };
      init.body = JSON.stringify(call.json);
    }
    if (call.body !== undefined) {
      const { stream, sizeBytes } = call.body();
      init.headers = {
        'content-type': 'application/octet-stream',
        'content-length': String(sizeBytes),
      };
      init.body = stream;
      init.duplex = 'half'; // fetch demands it for a body that is a stream
    }
    return init;
  }
}

/**
 * Two callers wrote the same row at once (two trainings log the same data set), or the database was
 * locked. MLflow answers 400 as for a wrong request, but the next try finds the row there.
 */
const DATABASE_RACE = /IntegrityError|UniqueViolation|database is locked/;

function isTransient(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

function unreachable(call: MlflowCall, baseUrl: string, cause: unknown): PipelineError {
  return new PipelineError(
    {
      code: 'MLFLOW_HTTP',
      found: `${call.method} ${call.path}: no answer from ${baseUrl} (${reasonOf(cause)})`,
      fix: 'check that the MLflow server runs and that the address is right',
    },
    { cause },
  );
}

/** fetch hides the reason (ECONNREFUSED, ECONNRESET …) one level down. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== ''
    ? error.cause.message
    : error.message;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema names the fault
  }
}
