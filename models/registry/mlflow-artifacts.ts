/**
 * Files of runs, through the server's artifact proxy, so that a client needs no key to the store.
 *
 * A folder is uploaded with a list of its files and their SHA-256, written last: a folder without the
 * list is an unfinished upload, and a download is checked against it.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { PipelineError } from '../../contracts/errors.js';
import type { MlflowHttp } from './mlflow-http.js';

/** The list of an uploaded folder's files, beside them. */
export const FILE_LIST = 'sentinel-files.json';

/** One entry of a folder of artifacts. */
export interface MlflowArtifact {
  /** Relative to the folder that was listed. */
  readonly path: string;
  readonly isFolder: boolean;
  readonly sizeBytes: number;
}

const PROXY = '/api/2.0/mlflow-artifacts/artifacts';

const listingSchema = z.object({
  files: z
    .array(
      z.object({
        path: z.string(),
        is_dir: z.boolean().default(false),
        file_size: z.coerce.number().default(0),
      }),
    )
    .default([]),
});

const fileListSchema = z.record(
  z.string(),
  z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), sizeBytes: z.number().int().min(0) }),
);
type FileList = z.infer<typeof fileListSchema>;

/** Calls about artifacts. URIs are those of runs and model versions: `mlflow-artifacts:/…`. */
export class MlflowArtifacts {
  readonly #http: MlflowHttp;

  constructor(http: MlflowHttp) {
    this.#http = http;
  }

  /** Entries of one folder, not of those below it; none when there is no such folder. */
  async list(uri: string): Promise<MlflowArtifact[]> {
    const call = { method: 'GET', path: PROXY, query: { path: proxyPath(uri) } } as const;
    const { files } = await this.#http.json({ ...call, idempotent: true }, listingSchema);
    return files.map(({ path, is_dir, file_size }) => ({
      path,
      isFolder: is_dir,
      sizeBytes: file_size,
    }));
  }

  /** Stores one file under `uri`, replacing what was there. */
  async uploadFile(file: string, uri: string): Promise<void> {
    const { size } = await stat(file);
    const body = () => ({
      // Node's and the DOM's declarations of the same stream do not know each other
      stream: Readable.toWeb(createReadStream(file)) as ReadableStream<Uint8Array>,
      sizeBytes: size,
    });
    await this.#put(uri, body);
  }

  /** Stores text, e.g. a report, under `uri`. */
  async uploadText(text: string, uri: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    await this.#put(uri, () => ({
      stream: new Blob([bytes]).stream(),
      sizeBytes: bytes.length,
    }));
  }

  /**
   * Stores every file below `folder` under `uri`, and last the list of them. Repeatable.
   *
   * @returns SHA-256 of the list: it names the content, and `downloadFolder` returns it too
   */
  async uploadFolder(folder: string, uri: string): Promise<{ sha256: string; files: number }> {
    const list: FileList = {};
    for (const path of await filesBelow(folder)) {
      const file = join(folder, path);
      list[path] = { sha256: await sha256Of(file), sizeBytes: (await stat(file)).size };
      await this.uploadFile(file, `${uri}/${path}`);
    }
    const text = JSON.stringify(list, null, 2);
    await this.uploadText(text, `${uri}/${FILE_LIST}`);
    return { sha256: sha256OfText(text), files: Object.keys(list).length };
  }

  /** Fetches one file; `target` appears whole or not at all. */
  async downloadFile(uri: string, target: string): Promise<void> {
    const response = await this.#http.send({
      method: 'GET',
      path: urlPath(uri),
      idempotent: true,
      isTransfer: true,
    });
    if (response.body === null) throw damaged(uri, 'an answer without a body');
    await mkdir(dirname(target), { recursive: true });
    const scratch = `${target}.${randomUUID()}.part`;
    try {
      await pipeline(Readable.fromWeb(response.body), createWriteStream(scratch));
      await rename(scratch, target);
    } catch (cause) {
      await rm(scratch, { force: true });
      throw damaged(uri, 'a transfer that was cut off', cause);
    }
  }

  /** Fetches one file as text. */
  async downloadText(uri: string): Promise<string> {
    const call = { method: 'GET', path: urlPath(uri), idempotent: true } as const;
    return (await this.#http.send(call)).text();
  }

  /**
   * A folder as `uploadFolder` stored it, in `cacheDir/<sha256 of its list>`: fetched once, checked file
   * by file, and moved there whole, so that several processes may share the cache.
   *
   * @throws PipelineError MLFLOW_ARTIFACT when a file differs from the list; MLFLOW_REJECTED when there is no list
   */
  async downloadFolder(uri: string, cacheDir: string): Promise<{ folder: string; sha256: string }> {
    const text = await this.downloadText(`${uri}/${FILE_LIST}`);
    const sha256 = sha256OfText(text);
    const folder = join(cacheDir, sha256);
    if (await exists(folder)) return { folder, sha256 };
    const list = readFileList(uri, text);
    const scratch = `${folder}.${randomUUID()}.part`;
    try {
      await mkdir(scratch, { recursive: true });
      for (const [path, expected] of Object.entries(list)) {
        const target = join(scratch, path);
        await this.downloadFile(`${uri}/${path}`, target);
        const found = await sha256Of(target);
        if (found !== expected.sha256) {
          throw damaged(`${uri}/${path}`, `SHA-256 ${found}`, undefined, expected.sha256);
        }
      }
      await writeFile(join(scratch, FILE_LIST), text);
      await rename(scratch, folder);
    } catch (error) {
      await rm(scratch, { recursive: true, force: true });
      if (!(await exists(folder))) throw error; // else another process was faster with the same files
    }
    return { folder, sha256 };
  }

  /** Removes a file or a folder. */
  async delete(uri: string): Promise<void> {
    await this.#http.send({ method: 'DELETE', path: urlPath(uri), idempotent: true });
  }

  async #put(uri: string, body: () => { stream: ReadableStream<Uint8Array>; sizeBytes: number }) {
    await this.#http.json(
      { method: 'PUT', path: urlPath(uri), body, idempotent: true, isTransfer: true },
      z.unknown(),
    );
  }
}

/** `mlflow-artifacts:/1/abc/artifacts/model` or `mlflow-artifacts://host/1/…` -> `1/abc/artifacts/model` */
function proxyPath(uri: string): string {
  const match = /^mlflow-artifacts:(?:\/\/[^/]*)?\/+(.*)$/.exec(uri);
  const path = match?.[1];
  if (path !== undefined && isSafe(path)) return path;
  throw new PipelineError({
    code: 'MLFLOW_REJECTED',
    found: `artifact address ${uri}`,
    expected: 'mlflow-artifacts:/… without ".."',
    fix: 'start the MLflow server with --serve-artifacts and make the run anew',
  });
}

function urlPath(uri: string): string {
  return `${PROXY}/${proxyPath(uri).split('/').map(encodeURIComponent).join('/')}`;
}

function isSafe(path: string): boolean {
  return path !== '' && !path.startsWith('/') && !path.split('/').includes('..');
}

function readFileList(uri: string, text: string): FileList {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (cause) {
    throw damaged(`${uri}/${FILE_LIST}`, 'text that is no JSON', cause);
  }
  const parsed = fileListSchema.safeParse(list);
  if (!parsed.success || !Object.keys(parsed.data).every(isSafe)) {
    throw damaged(`${uri}/${FILE_LIST}`, 'a list with bad entries', parsed.error);
  }
  return parsed.data;
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name !== FILE_LIST)
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length).replace(/^\/+/, ''))
    .sort();
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

function sha256OfText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function damaged(uri: string, found: string, cause?: unknown, expected?: string): PipelineError {
  return new PipelineError(
    {
      code: 'MLFLOW_ARTIFACT',
      file: uri,
      found,
      ...(expected !== undefined && { expected }),
      fix: 'try again; when it stays so, upload the model again from its run',
    },
    { cause },
  );
}
