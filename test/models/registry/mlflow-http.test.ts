import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { PipelineError } from '../../../contracts/errors.js';
import { type MlflowCall, MlflowHttp } from '../../../models/registry/mlflow-http.js';

/** A server that gives the answers in turn and counts the calls. */
function serverThat(...answers: (Response | Error)[]) {
  const calls: string[] = [];
  const answer: typeof fetch = (input) => {
    calls.push(input instanceof Request ? input.url : input.toString());
    const next = answers.shift() ?? new Response('{}');
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
  };
  const http = new MlflowHttp({ baseUrl: 'http://127.0.0.1:5000/', fetch: answer, firstWaitMs: 1 });
  return { http, calls };
}

const read: MlflowCall = { method: 'GET', path: '/api/2.0/mlflow/runs/get', idempotent: true };
const create: MlflowCall = {
  method: 'POST',
  path: '/api/2.0/mlflow/runs/create',
  idempotent: false,
};
const busy = (status: number) => new Response('{}', { status });
const reset = () =>
  Object.assign(new TypeError('fetch failed'), { cause: new Error('ECONNRESET') });
/** As MLflow 3.17 answers `runs/log-inputs` when two runs log the same data set at once. */
const raced = () =>
  Response.json(
    {
      error_code: 'BAD_REQUEST',
      message: '(sqlite3.IntegrityError) UNIQUE constraint failed: datasets.digest',
    },
    { status: 400 },
  );
const anything = z.object({ ok: z.boolean().default(true) });

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof PipelineError ? error.code : String(error)),
  );
}

describe('a call to MLflow', () => {
  it.each([
    ['429', [busy(429)]],
    ['503 twice', [busy(503), busy(503)]],
    ['a lost connection', [reset()]],
    ['a row that another caller wrote at the same time', [raced()]],
  ])('is repeated after %s when that is safe', async (_, answers) => {
    const { http, calls } = serverThat(...answers);
    expect(await http.json(read, anything)).toEqual({ ok: true });
    expect(calls).toHaveLength(answers.length + 1);
  });

  it.each([
    ['503', busy(503)],
    ['a lost connection', reset()],
  ])('that creates something is not repeated after %s', async (_, answer) => {
    const { http, calls } = serverThat(answer);
    expect(await codeOf(http.json(create, anything))).toBe('MLFLOW_HTTP');
    expect(calls).toHaveLength(1);
  });

  it('is not repeated after a refusal', async () => {
    const { http, calls } = serverThat(busy(400));
    expect(await codeOf(http.json(read, anything))).toBe('MLFLOW_REJECTED');
    expect(calls).toHaveLength(1);
  });

  it('gives up after five tries', async () => {
    const { http, calls } = serverThat(...[1, 2, 3, 4, 5, 6].map(() => busy(500)));
    expect(await codeOf(http.json(read, anything))).toBe('MLFLOW_HTTP');
    expect(calls).toHaveLength(5);
  });

  it('says why there was no answer', async () => {
    const { http } = serverThat(reset());
    await expect(http.json(create, anything)).rejects.toThrow(
      'MLFLOW_HTTP: POST /api/2.0/mlflow/runs/create: no answer from http://127.0.0.1:5000 (ECONNRESET)',
    );
  });

  it('names an answer of another shape', async () => {
    const { http } = serverThat(new Response('<html>another server</html>'));
    expect(await codeOf(http.json(read, z.object({ run: z.string() })))).toBe('MLFLOW_RESPONSE');
  });

  it('puts values into the query and leaves undefined ones out', async () => {
    const { http, calls } = serverThat();
    await http.json({ ...read, query: { name: 'a b&c', token: undefined } }, anything);
    expect(calls).toEqual(['http://127.0.0.1:5000/api/2.0/mlflow/runs/get?name=a+b%26c']);
  });
});
