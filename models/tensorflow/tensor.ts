/** Values on their way into TensorFlow and back. */
import koffi from 'koffi';
import type { NativePointer } from '../native-library.js';
import type { TensorflowLibrary } from './library.js';

/** Values with their shape, row-major; a shape of [] is a scalar. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array | BigInt64Array;
}

/** TF_DataType of the header tf_datatype.h. */
export const DATA_TYPE = { float32: 1, int32: 3, int64: 9 } as const;

/** A float32 scalar. */
export function scalar(value: number): Tensor {
  return { shape: [], values: Float32Array.of(value) };
}

/** TF_DataType of a tensor. */
export function dataTypeOf({ values }: Tensor): number {
  if (values instanceof Float32Array) return DATA_TYPE.float32;
  return values instanceof Int32Array ? DATA_TYPE.int32 : DATA_TYPE.int64;
}

/** Sizes as the C API wants them. */
export function dimensions(shape: readonly number[]): BigInt64Array {
  return BigInt64Array.from(shape, BigInt);
}

/** A copy that belongs to TensorFlow; whoever asked deletes it. */
export function toNative({ functions }: TensorflowLibrary, tensor: Tensor): NativePointer {
  const { shape, values } = tensor;
  const { byteLength, byteOffset, buffer } = values;
  const pointer = functions.TF_AllocateTensor(
    ...[dataTypeOf(tensor), dimensions(shape), shape.length, byteLength],
  ) as NativePointer; // as declared
  if (byteLength > 0) {
    const memory = new Uint8Array(koffi.view(functions.TF_TensorData(pointer), byteLength));
    memory.set(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return pointer;
}

/** Copies a float32 tensor and deletes it. */
export function takeFloats(
  { functions }: TensorflowLibrary,
  pointer: NativePointer,
): Float32Array<ArrayBuffer> {
  const bytes = Number(functions.TF_TensorByteSize(pointer));
  const memory =
    bytes === 0 ? new ArrayBuffer(0) : koffi.view(functions.TF_TensorData(pointer), bytes);
  const values = new Float32Array(memory.slice(0));
  functions.TF_DeleteTensor(pointer);
  return values;
}
