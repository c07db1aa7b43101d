/** Runs of a graph. The session holds the values of its variables. */
import type { NativePointer } from '../native-library.js';
import type { Graph } from './graph.js';
import { requireSuccess, type GraphValue, type TensorflowLibrary } from './library.js';
import { takeFloats, toNative, type Tensor } from './tensor.js';

/** What a run is given and asked for. */
export interface Run {
  readonly inputs?: readonly (readonly [GraphValue, Tensor])[];
  /** Values to give out, float32. */
  readonly wanted?: readonly GraphValue[];
  /** Operations to run for their effect. */
  readonly effects?: readonly NativePointer[];
}

/** A session of one graph, which may grow between two runs. Dispose before the graph. */
export class Session {
  readonly #library: TensorflowLibrary;
  readonly #handle: NativePointer;

  constructor(library: TensorflowLibrary, graph: Graph) {
    this.#library = library;
    const { functions, attempt } = library;
    const options = functions.TF_NewSessionOptions();
    this.#handle = attempt('session', (status) =>
      functions.TF_NewSession(graph.handle, options, status),
    ) as NativePointer; // null only with a failed status
    functions.TF_DeleteSessionOptions(options);
  }

  /**
   * Computes on this thread and its helpers.
   *
   * @returns one array for each value wanted
   * @throws PipelineError TENSORFLOW_CALL
   */
  run(run: Run): Float32Array<ArrayBuffer>[] {
    const call = this.#prepare(run);
    try {
      this.#library.functions.TF_SessionRun(...call.args);
      return call.finish();
    } finally {
      call.release();
    }
  }

  /** The same beside the event loop, which goes on meanwhile. */
  async runBeside(run: Run): Promise<Float32Array<ArrayBuffer>[]> {
    const call = this.#prepare(run);
    try {
      await new Promise<void>((resolve, reject) =>
        this.#library.functions.TF_SessionRun.async(...call.args, (error: Error | null) => {
          if (error === null) resolve();
          else reject(error);
        }),
      );
      return call.finish();
    } finally {
      call.release();
    }
  }

  dispose(): void {
    const { functions, attempt } = this.#library;
    attempt('session', (status) => functions.TF_DeleteSession(this.#handle, status));
  }

  #prepare({ inputs = [], wanted = [], effects = [] }: Run) {
    const { functions } = this.#library;
    const status = functions.TF_NewStatus() as NativePointer; // as declared
    const given = inputs.map(([, tensor]) => toNative(this.#library, tensor));
    const outputs: (NativePointer | null)[] = wanted.map(() => null);
    return {
      args: [
        ...[this.#handle, null, inputs.map(([value]) => value), given, given.length],
        ...[wanted, outputs, wanted.length, effects, effects.length, null, status],
      ],
      finish: () => {
        requireSuccess(functions, 'run', status);
        return outputs.map((pointer) => takeFloats(this.#library, pointer as NativePointer)); // filled by a run that succeeded
      },
      release: () => {
        for (const tensor of given) functions.TF_DeleteTensor(tensor);
        functions.TF_DeleteStatus(status);
      },
    };
  }
}
