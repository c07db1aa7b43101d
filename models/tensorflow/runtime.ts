/** Loading tfjs-node, whose native addon is built by set-up. */
import { createRequire } from 'node:module';
import type * as TensorflowModule from '@tensorflow/tfjs-node';
import { PipelineError } from '../../contracts/errors.js';

/** The tfjs-node module. */
export type Tensorflow = typeof TensorflowModule;

const require = createRequire(import.meta.url);
let loaded: Tensorflow | undefined;

/**
 * The tfjs-node module, loaded on the first call (.5 s, 400 MB); processes that never ask do not pay.
 * TensorFlow writes to stderr while it loads.
 *
 * @throws PipelineError TENSORFLOW_ADDON when the addon or TensorFlow's library is missing
 */
export function tensorflow(): Tensorflow {
  if (loaded !== undefined) return loaded;
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2'; // warnings about CPU features are no news to a user
  try {
    loaded = require('@tensorflow/tfjs-node') as Tensorflow; // the module of that name
  } catch (cause) {
    throw new PipelineError(
      {
        code: 'TENSORFLOW_ADDON',
        found: cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause),
        expected: 'the native addon of @tensorflow/tfjs-node 4.22.0',
        fix: 'run `npm start` once, or `node scripts/setup.mjs`, to build it',
      },
      { cause },
    );
  }
  return loaded;
}

/** Attributes of a TensorFlow op by name; a list of numbers is a shape. */
export type OpAttributes = Readonly<Record<string, boolean | number | string | readonly number[]>>;

/** What tfjs-node's backend offers beyond the public interface. */
interface OpBackend {
  readonly binding: {
    readonly TF_ATTR_TYPE: number;
    readonly TF_ATTR_BOOL: number;
    readonly TF_ATTR_FLOAT: number;
    readonly TF_ATTR_STRING: number;
    readonly TF_ATTR_SHAPE: number;
    readonly TF_FLOAT: number;
    readonly TF_Version: string;
  };
  executeMultipleOutputs(
    name: string,
    attributes: readonly { name: string; type: number; value: OpAttributes[string] }[],
    inputs: readonly unknown[],
    outputs: number,
  ): TensorflowModule.Tensor[];
}

/** Versions to record beside a model: of tfjs and of the TensorFlow library under it. */
export function libraryVersions(tf: Tensorflow): Record<string, string> {
  return { tfjs: tf.version_core, tensorflow: opBackend(tf).binding.TF_Version };
}

/**
 * Runs a TensorFlow op that tfjs has no function for, on float32 inputs.
 *
 * @param name    TensorFlow's name, e.g. `BlockLSTMV2`
 * @param outputs how many tensors the op returns
 * @param floats  name of the attribute that holds the type of its inputs; null when it has none
 */
export function runOp(
  tf: Tensorflow,
  name: string,
  attributes: OpAttributes,
  inputs: readonly unknown[],
  outputs: number,
  floats: 'T' | 'dtype' | null = 'T',
): TensorflowModule.Tensor[] {
  const backend = opBackend(tf);
  const { binding } = backend;
  const types: Record<string, number> = {
    boolean: binding.TF_ATTR_BOOL,
    number: binding.TF_ATTR_FLOAT,
    string: binding.TF_ATTR_STRING,
    object: binding.TF_ATTR_SHAPE,
  };
  const typed = Object.entries(attributes).map(([key, value]) => {
    return { name: key, type: types[typeof value] ?? binding.TF_ATTR_FLOAT, value };
  });
  if (floats !== null) {
    typed.push({ name: floats, type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT });
  }
  return backend.executeMultipleOutputs(name, typed, inputs, outputs);
}

function opBackend(tf: Tensorflow): OpBackend {
  return tf.backend() as unknown as OpBackend; // tfjs-node registers no other backend
}

/** An int64 scalar for an op: tfjs has no such type, tfjs-node has it inside (hence the exact pin). */
export function int64Scalar(value: number): unknown {
  // an internal file without declarations
  const { Int64Scalar } = require('@tensorflow/tfjs-node/dist/int64_tensors.js') as {
    Int64Scalar: new (value: number) => unknown;
  }; // an internal module of 4.22.0 without types of its own path
  return new Int64Scalar(value);
}
