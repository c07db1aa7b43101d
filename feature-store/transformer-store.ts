/** Fitted transformers beside the tables: `transformers/<hash>.json`, named by their content. */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { PipelineError } from '../contracts/errors.js';
import { ifThere } from '../contracts/if-there.js';
import { hashJson } from '../dag/plan-hash.js';
import type { Transformer } from '../domain/traffic/transformer.js';
import { createExclusive } from './delta/durable-file.js';

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
export async function loadTransformer(folder: string, hash: string): Promise<Transformer> {
  const file = fileOf(folder, hash);
  try {
    // what `saveTransformer` wrote: the hash below says so
    const transformer = JSON.parse(await readFile(file, 'utf8')) as Transformer;
    if (transformerHash(transformer) !== hash)
      throw new Error('another content than its name says');
    return transformer;
  } catch (cause) {
    throw new PipelineError(
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
}

/** Hashes of the kept transformers, ascending. */
export async function listTransformers(folder: string): Promise<string[]> {
  const names = (await ifThere(readdir(folder))) ?? [];
  return names.flatMap((name) => /^([0-9a-f]{64})\.json$/.exec(name)?.[1] ?? []).sort();
}

function fileOf(folder: string, hash: string): string {
  return path.join(folder, `${hash}.json`);
}
