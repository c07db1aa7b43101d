/** An ONNX graph as it is put together, and its bytes by the official schema (onnx.proto, of the package onnx). */
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';

/** An attribute of a node, under the name of its field in AttributeProto. */
export type OnnxAttribute =
  | { readonly i: number }
  | { readonly f: number }
  | { readonly s: string }
  | { readonly ints: readonly number[] };

/** Name of a tensor in the graph. */
export type OnnxValue = string;

/** The package onnx with whose schema the files are written, and that reads them in the tests. */
export const ONNX_VERSION = '1.23.2';

/** Opset and file format: what onnxruntime 1.12 and later read. */
const OPSET = 17;
const IR_VERSION = 8;

/** TensorProto.DataType of the constants written here. */
const DATA_TYPE = { float: 1, int32: 6, int64: 7, double: 11 } as const;

/** AttributeProto.AttributeType by field. */
const ATTRIBUTE_TYPE = { f: 1, i: 2, s: 3, ints: 7 } as const;

/** Collects nodes and constants; every method that makes a tensor returns its name. */
export class OnnxGraph {
  readonly #nodes: object[] = [];
  readonly #constants: object[] = [];

  /** A node of one output. */
  node(
    op: string,
    inputs: readonly OnnxValue[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): OnnxValue {
    return this.#add(op, inputs, attributes, (name) => [name]);
  }

  /** A node of which only output `index` is wanted; those before it are left out. */
  nodeOutput(
    op: string,
    index: number,
    inputs: readonly OnnxValue[],
    attributes: Readonly<Record<string, OnnxAttribute>>,
  ): OnnxValue {
    return this.#add(op, inputs, attributes, (name) => [
      ...new Array<string>(index).fill(''),
      name,
    ]);
  }

  /** A constant of float32. */
  floats(dims: readonly number[], values: Float32Array): OnnxValue {
    return this.#constant('float', dims, values);
  }

  /** A constant of float64. */
  doubles(dims: readonly number[], values: readonly number[]): OnnxValue {
    return this.#constant('double', dims, Float64Array.from(values));
  }

  /** A constant of int64: a shape, axes, positions. */
  longs(...values: number[]): OnnxValue {
    return this.#constant('int64', [values.length], BigInt64Array.from(values, BigInt));
  }

  /** A constant scalar of int32. */
  int(value: number): OnnxValue {
    return this.#constant('int32', [], Int32Array.of(value));
  }

  /** `x` as another type of element. */
  cast(x: OnnxValue, type: keyof typeof DATA_TYPE): OnnxValue {
    return this.node('Cast', [x], { to: { i: DATA_TYPE[type] } });
  }

  /** `x` [N, ...] with the given sizes after N. */
  reshape(x: OnnxValue, ...sizes: number[]): OnnxValue {
    return this.node('Reshape', [x, this.longs(-1, ...sizes)]);
  }

  /** Positions [from, to) of one axis. */
  slice(x: OnnxValue, axis: number, from: number, to: number): OnnxValue {
    return this.node('Slice', [x, this.longs(from), this.longs(to), this.longs(axis)]);
  }

  /**
   * The model as the bytes of a .onnx file.
   *
   * @param model.input    float32 [N, width]
   * @param model.output   the tensor to give out, float32 [N, width]
   * @param model.metadata texts kept with the model
   */
  encode(model: {
    readonly input: { readonly name: string; readonly width: number };
    readonly output: { readonly name: string; readonly value: OnnxValue; readonly width: number };
    readonly metadata: Readonly<Record<string, string>>;
  }): Uint8Array {
    const { input, output, metadata } = model;
    const last = { opType: 'Identity', input: [output.value], output: [output.name] };
    const message = {
      irVersion: IR_VERSION,
      producerName: 'sentinel-flow',
      opsetImport: [{ domain: '', version: OPSET }],
      metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
      graph: {
        name: 'classifier',
        node: [...this.#nodes, last],
        initializer: this.#constants,
        input: [matrix(input.name, input.width)],
        output: [matrix(output.name, output.width)],
      },
    };
    const ModelProto = schema().lookupType('onnx.ModelProto');
    return ModelProto.encode(ModelProto.fromObject(message)).finish();
  }

  #add(
    opType: string,
    input: readonly OnnxValue[],
    attributes: Readonly<Record<string, OnnxAttribute>>,
    outputs: (name: string) => string[],
  ): OnnxValue {
    const name = `${opType}_${this.#nodes.length}`;
    const attribute = Object.entries(attributes).map(([key, value]) => {
      const [field] = Object.keys(value) as [keyof typeof ATTRIBUTE_TYPE]; // each has one
      const content = 's' in value ? { s: Buffer.from(value.s) } : value;
      return { name: key, type: ATTRIBUTE_TYPE[field], ...content };
    });
    this.#nodes.push({ name, opType, input, output: outputs(name), attribute });
    return name;
  }

  #constant(
    type: keyof typeof DATA_TYPE,
    dims: readonly number[],
    values: Float32Array | Float64Array | Int32Array | BigInt64Array,
  ): OnnxValue {
    const name = `constant_${this.#constants.length}`;
    const rawData = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    this.#constants.push({ name, dims, dataType: DATA_TYPE[type], rawData });
    return name;
  }
}

/** float32 [N, width]. */
function matrix(name: string, width: number): object {
  const shape = { dim: [{ dimParam: 'N' }, { dimValue: width }] };
  return { name, type: { tensorType: { elemType: DATA_TYPE.float, shape } } };
}

let parsed: protobuf.Root | undefined;

function schema(): protobuf.Root {
  const file = new URL('onnx.proto', import.meta.url);
  return (parsed ??= protobuf.parse(readFileSync(file, 'utf8')).root);
}
