/** A float32 vector that TensorFlow's optimisers change in place: a resource variable, which tfjs does not have. */
import { randomUUID } from 'node:crypto';
import type { Tensor, Tensor1D } from '@tensorflow/tfjs-node';
import { runOp, type Tensorflow } from './runtime.js';

/** A vector by its handle. */
export interface ResourceVector {
  /** What ops on resources take. */
  readonly handle: Tensor;
  /** Its values now. */
  read(): Tensor1D;
  assign(values: Tensor1D): void;
  dispose(): void;
}

/** A vector of zeros. */
export function createResourceVector(tf: Tensorflow, size: number): ResourceVector {
  const place = { container: '', shared_name: randomUUID(), shape: [size] };
  const [handle] = runOp(tf, 'VarHandleOp', place, [], 1, 'dtype') as [Tensor]; // it returns one
  tf.keep(handle);
  const assign = (values: Tensor1D) =>
    void runOp(tf, 'AssignVariableOp', {}, [handle, values], 0, 'dtype');
  tf.tidy(() => assign(tf.zeros([size])));
  return {
    handle,
    assign,
    read: () => runOp(tf, 'ReadVariableOp', {}, [handle], 1, 'dtype')[0] as Tensor1D, // one, of that size
    dispose: () => {
      runOp(tf, 'DestroyResourceOp', { ignore_lookup_error: true }, [handle], 0, null);
      handle.dispose();
    },
  };
}
