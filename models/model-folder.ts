/**
 * A saved model is a folder: `model.json` says what it is and how it was made, and the weights lie
 * beside it in the file that the library of its kind reads.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { PipelineError } from '../contracts/errors.js';
import { NETWORK_KINDS } from './model.js';
import { CONFIDENCE_SCORES } from './open-world/confidence.js';

/** Name of the description in a model folder. */
export const MANIFEST_FILE = 'model.json';

const common = {
  /** Version of this format; a reader refuses others. */
  format: z.literal(1),
  /** [K] class names; the order of the probability columns. */
  classes: z.array(z.string()).min(1),
  /** [F] tabular columns, in order. */
  featureNames: z.array(z.string()),
  preset: z.string(),
  seed: z.number(),
  /** Library name -> version at training time. */
  libraries: z.record(z.string(), z.string()),
  /** The settings of the training, as given. */
  settings: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])),
};

const trained = {
  ...common,
  /** The end of its training. */
  createdAt: z.iso.datetime().default('1970-01-01T00:00:00.000Z'), // folders of before it was noted
};

const scaling = z.object({
  ppi: z.object({
    sizeDivisor: z.number().positive(),
    direction: z.literal('as is'),
    ipt: z.literal('log1p'),
  }),
  /** Per tabular column; [F] each. */
  tabular: z.object({
    transform: z.literal('signed log1p, standardised, clipped'),
    means: z.array(z.number()),
    deviations: z.array(z.number()),
    clip: z.number(),
  }),
});

const weights = z.object({
  file: z.string(),
  /** In the order they lie in the file, float32 little-endian without gaps. */
  tensors: z.array(z.object({ name: z.string(), shape: z.array(z.number().int()) })),
});

const rejectRule = z.object({
  score: z.enum(CONFIDENCE_SCORES),
  threshold: z.number(),
  perClass: z.record(z.string(), z.number()).optional(), // of ensembles that were fitted with some
});

const booster = {
  scaling: z.null(),
  /** The file beside it, in the library's own format. */
  booster: z.string(),
  /** Whether the 90 packet columns stand before the tabular ones. */
  packets: z.boolean().default(true), // folders of before it could be chosen
};

const manifest = z.discriminatedUnion('kind', [
  z.object({ ...trained, ...booster, kind: z.literal('xgboost') }),
  z.object({ ...trained, ...booster, kind: z.literal('lightgbm') }),
  z.object({ ...trained, kind: z.enum(NETWORK_KINDS), scaling, weights }),
  z.object({
    ...common,
    kind: z.literal('ensemble'),
    scaling: z.null(),
    members: z
      .array(z.object({ name: z.string(), version: z.string(), weight: z.number().min(0).max(1) }))
      .min(1),
    /** Of what the members say together; 1 in folders from before it was fitted. */
    temperature: z.number().positive().default(1),
    /** The meta-learner in place of the weights: [M] of [K] and [K]; absent for a weighted mean. */
    stacking: z
      .object({ weights: z.array(z.array(z.number())), biases: z.array(z.number()) })
      .optional(),
    /** When it says that it does not know a service; absent for one that always answers. */
    reject: rejectRule.optional(),
  }),
]);

/** What `model.json` holds. */
export type ModelManifest = z.infer<typeof manifest>;

/** `model.json` of one kind of model. */
export type ManifestOf<Kind extends ModelManifest['kind']> = Extract<ModelManifest, { kind: Kind }>;

/** How a neural network's inputs are scaled, as saved. */
export type NetworkScaling = z.infer<typeof scaling>;

/** A file of weights to lie beside `model.json`. */
export interface ModelFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Writes a model folder, creating it; the description comes last, so a folder without it is unfinished. */
export async function writeModelFolder(
  dir: string,
  description: ModelManifest,
  files: readonly ModelFile[],
): Promise<void> {
  await mkdir(dir, { recursive: true });
  for (const file of files) await writeFile(join(dir, file.name), file.bytes);
  await writeFile(join(dir, MANIFEST_FILE), `${JSON.stringify(description, null, 2)}\n`);
}

/**
 * Reads and checks `model.json`.
 *
 * @throws PipelineError MODEL_FILE when it is absent, is not JSON or does not have the right shape
 */
export async function readManifest(dir: string): Promise<ModelManifest> {
  const bytes = await readModelFile(dir, MANIFEST_FILE);
  return parseManifest(new TextDecoder().decode(bytes), join(dir, MANIFEST_FILE));
}

/**
 * Checks the text of a `model.json`.
 *
 * @param file where it was found
 * @throws PipelineError MODEL_FILE when it is not JSON or does not have the right shape
 */
export function parseManifest(text: string, file: string): ModelManifest {
  try {
    return manifest.parse(JSON.parse(text));
  } catch (cause) {
    const found = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
    throw new PipelineError(
      {
        code: 'MODEL_FILE',
        file,
        found: found.replaceAll('\n', ' '),
        expected: 'a model description, format 1',
        fix: 'use a folder written by this version of Sentinel-Flow, or train the model again',
      },
      { cause },
    );
  }
}

/**
 * One file of a model folder.
 *
 * @throws PipelineError MODEL_FILE when it cannot be read
 */
export async function readModelFile(dir: string, name: string): Promise<Uint8Array> {
  const file = join(dir, name);
  try {
    return await readFile(file);
  } catch (cause) {
    throw new PipelineError(
      {
        code: 'MODEL_FILE',
        file,
        found: 'a file that cannot be read',
        expected: `a model folder with ${MANIFEST_FILE} and its weights`,
        fix: 'check the path; download the model version again if the folder is incomplete',
      },
      { cause },
    );
  }
}
