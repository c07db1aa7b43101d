/** A graph of TensorFlow operations as it is put together, with its gradients. */
import type { NativePointer } from '../native-library.js';
import type { GraphValue, TensorflowLibrary } from './library.js';
import { DATA_TYPE, dataTypeOf, dimensions, scalar, toNative, type Tensor } from './tensor.js';

/** An attribute of an operation, by its kind. */
export type GraphAttribute =
  | { readonly type: keyof typeof DATA_TYPE }
  | { readonly shape: readonly number[] }
  | { readonly ints: readonly number[] }
  | { readonly int: number }
  | { readonly float: number }
  | { readonly bool: boolean }
  | { readonly text: string }
  | { readonly tensor: Tensor };

/** Inputs of an operation in their order; one that is a list takes a list. */
export type GraphInputs = readonly (GraphValue | readonly GraphValue[])[];

/** The gradient of a value that TensorFlow's C API has none for; the value is that of a `StopGradient`. */
export interface OwnGradient {
  readonly of: GraphValue;
  /** What it depends on. */
  readonly inputs: readonly GraphValue[];
  /** From its gradient to that of each input. */
  readonly backward: (upstream: GraphValue) => readonly GraphValue[];
}

/** Collects operations; names are their types with a number. */
export class Graph {
  readonly handle: NativePointer;
  readonly #library: TensorflowLibrary;
  #operations = 0;

  constructor(library: TensorflowLibrary) {
    this.#library = library;
    this.handle = library.functions.TF_NewGraph() as NativePointer; // as declared
  }

  /**
   * An operation, wanted for its effect or for outputs beyond the first.
   *
   * @throws PipelineError TENSORFLOW_CALL when TensorFlow refuses it
   */
  operation(
    type: string,
    inputs: GraphInputs,
    attributes: Readonly<Record<string, GraphAttribute>> = {},
  ): NativePointer {
    const { functions, attempt } = this.#library;
    const name = `${type}_${this.#operations++}`;
    return attempt(type, (status) => {
      const description = functions.TF_NewOperation(this.handle, type, name);
      for (const input of inputs) {
        if ('oper' in input) functions.TF_AddInput(description, input);
        else functions.TF_AddInputList(description, input, input.length);
      }
      for (const [key, value] of Object.entries(attributes)) this.#set(description, key, value);
      return functions.TF_FinishOperation(description, status) as NativePointer; // null only with a failed status
    });
  }

  /** The first output of an operation. */
  value(
    type: string,
    inputs: GraphInputs,
    attributes: Readonly<Record<string, GraphAttribute>> = {},
  ): GraphValue {
    return { oper: this.operation(type, inputs, attributes), index: 0 };
  }

  /** A value that each run is given; a size of -1 may differ from run to run. */
  input(type: keyof typeof DATA_TYPE, shape: readonly number[]): GraphValue {
    return this.value('Placeholder', [], { dtype: { type }, shape: { shape } });
  }

  constant(tensor: Tensor): GraphValue {
    const type = Object.entries(DATA_TYPE).find(([, code]) => code === dataTypeOf(tensor));
    const [name] = type as [keyof typeof DATA_TYPE, number]; // each tensor has one of the types
    return this.value('Const', [], { dtype: { type: name }, value: { tensor } });
  }

  /** A constant float32 scalar. */
  number(value: number): GraphValue {
    return this.constant(scalar(value));
  }

  /** A constant int32 scalar: an axis. */
  int(value: number): GraphValue {
    return this.constant({ shape: [], values: Int32Array.of(value) });
  }

  /** A constant int32 vector: a shape, axes, positions. */
  ints(...values: number[]): GraphValue {
    return this.constant({ shape: [values.length], values: Int32Array.from(values) });
  }

  /** Sizes of a value; -1 where they differ from run to run. */
  shapeOf(value: GraphValue): number[] {
    const { functions, attempt } = this.#library;
    return attempt('shape', (status) => {
      const count = functions.TF_GraphGetTensorNumDims(this.handle, value, status) as number; // as declared
      const sizes = new BigInt64Array(Math.max(0, count));
      functions.TF_GraphGetTensorShape(this.handle, value, sizes, sizes.length, status);
      return Array.from(sizes, Number);
    });
  }

  /**
   * Gradients of a scalar.
   *
   * @param by  what it is differentiated by, each of which it depends on
   * @param own those of values between, in the order in which the values were made
   * @returns one for each of `by`
   * @throws PipelineError TENSORFLOW_CALL when an operation between has no gradient
   */
  gradients(
    of: GraphValue,
    by: readonly GraphValue[],
    own: readonly OwnGradient[] = [],
  ): GraphValue[] {
    const ends = [of];
    const upstream = [this.value('OnesLike', [of])];
    for (const { of: between, inputs, backward } of own.toReversed()) {
      const reached = this.#differentiate(ends, upstream, [between]);
      ends.push(...inputs);
      upstream.push(...reached.flatMap(backward));
    }
    return this.#differentiate(ends, upstream, by);
  }

  dispose(): void {
    this.#library.functions.TF_DeleteGraph(this.handle);
  }

  #differentiate(
    of: readonly GraphValue[],
    upstream: readonly GraphValue[],
    by: readonly GraphValue[],
  ): GraphValue[] {
    const { functions, attempt } = this.#library;
    const found: GraphValue[] = by.map(() => ({ oper: 0n, index: 0 }));
    attempt('gradients', (status) =>
      functions.TF_AddGradients(
        ...[this.handle, of, of.length, by, by.length, upstream, status, found],
      ),
    );
    return found;
  }

  #set(description: unknown, name: string, attribute: GraphAttribute): void {
    const { functions, attempt } = this.#library;
    if ('type' in attribute) functions.TF_SetAttrType(description, name, DATA_TYPE[attribute.type]);
    else if ('bool' in attribute)
      functions.TF_SetAttrBool(description, name, Number(attribute.bool));
    else if ('int' in attribute) functions.TF_SetAttrInt(description, name, attribute.int);
    else if ('float' in attribute) functions.TF_SetAttrFloat(description, name, attribute.float);
    else if ('text' in attribute) {
      const bytes = Buffer.from(attribute.text);
      functions.TF_SetAttrString(description, name, bytes, bytes.length);
    } else if ('ints' in attribute) {
      const { ints } = attribute;
      functions.TF_SetAttrIntList(description, name, dimensions(ints), ints.length);
    } else if ('shape' in attribute) {
      const { shape } = attribute;
      functions.TF_SetAttrShape(description, name, dimensions(shape), shape.length);
    } else {
      const tensor = toNative(this.#library, attribute.tensor);
      attempt(name, (status) => functions.TF_SetAttrTensor(description, name, tensor, status));
      functions.TF_DeleteTensor(tensor);
    }
  }
}
