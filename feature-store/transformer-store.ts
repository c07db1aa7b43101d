/** Fitted transformers beside the tables: `transformers/<hash>.json`, named by their content. */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { PipelineError } from '../contracts/errors.js';
import { ifThere } from '../contracts/if-there.js';
import { hashJson } from '../dag/plan-hash.js';
import type { Transformer } from '../domain/traffic/transformer.js';
import { createExclusive } from './delta/durable-file.js';

/** Its name in the folder of a model that it makes the inputs of. */
export const TRANSFORMER_FILE = 'transformer.json';

/** A transformer's version: SHA-256 of its RFC 8785 form, 64 hex digits. */
export function transformerHash(transformer: Transformer): string {
  return hashJson(transformer);
}

/**
 * Keeps a transformer; one that is there already is left alone.
 *
 * @param folder absolute; made when needed
 * @returns its hash
 */
export async function saveTransformer(folder: string, transformer: Transformer): Promise<string> {
  const hash = transformerHash(transformer);
  await mkdir(folder, { recursive: true });
  await createExclusive(fileOf(folder, hash), `${JSON.stringify(transformer)}\n`);
  return hash;
}

/**
 * A kept transformer.
 *
 * @throws PipelineError TRANSFORMER_FILE when it is absent or its content is not what its name says
 */
export function loadTransformer(folder: string, hash: string): Promise<Transformer> {
  return readTransformer(fileOf(folder, hash), hash);
}

/**
 * The transformer of that hash from a file of any name, such as that of a model folder.
 *
 * @throws PipelineError TRANSFORMER_FILE when the file is absent or holds another one
 */
export async function readTransformer(file: string, hash: string): Promise<Transformer> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw unreadable(file, hash, cause);
  });
  return parseTransformer(text, hash, file);
}

/**
 * A transformer from its JSON text.
 *
 * @param file where the text was, for the message
 * @throws PipelineError TRANSFORMER_FILE when its content is not what the hash says
 */
export function parseTransformer(text: string, hash: string, file: string): Transformer {
  try {
    const transformer = JSON.parse(text) as Transformer; // what `saveTransformer` wrote: the hash says so
    if (transformerHash(transformer) === hash) return transformer;
  } catch (cause) {
    throw unreadable(file, hash, cause);
  }
  throw unreadable(file, hash, 'another content than its name says');
}

/** Hashes of the kept transformers, ascending. */
export async function listTransformers(folder: string): Promise<string[]> {
  const names = (await ifThere(readdir(folder))) ?? [];
  return names.flatMap((name) => /^([0-9a-f]{64})\.json$/.exec(name)?.[1] ?? []).sort();
}

function fileOf(folder: string, hash: string): string {
  return path.join(folder, `${hash}.json`);
}

function unreadable(file: string, hash: string, cause: unknown): PipelineError {
  return new PipelineError(
    {
      code: 'TRANSFORMER_FILE',
      file,
      found: cause instanceof Error ? cause.message : String(cause),
      expected: `the transformer ${hash.slice(0, 12)}`,
      fix: 'restore the file from a backup, or fit the view again on the same weeks and table version',
    },
    { cause },
  );
}
