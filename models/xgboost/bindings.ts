/**
 * libxgboost's C API, called through koffi. Only the functions used here are declared; a test holds
 * each declaration against the C header of the same version.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';
import { PipelineError } from '../../contracts/errors.js';

/** A pointer owned by the library. */
export type NativePointer = bigint;

/** A place the library writes a result into: koffi fills element 0. */
export type Out<T> = [T | null];

/** The declared functions, as C; `bst_ulong` is `uint64_t`, handles are `void *`, and bytes are `uint8_t` where koffi would read `char` as text. */
export const XGBOOST_DECLARATIONS = {
  XGBGetLastError: 'const char *XGBGetLastError()',
  XGBSetGlobalConfig: 'int XGBSetGlobalConfig(const char *config)',
  XGBoostVersion: 'void XGBoostVersion(_Out_ int *major, _Out_ int *minor, _Out_ int *patch)',
  XGDMatrixCreateFromDense:
    'int XGDMatrixCreateFromDense(const char *data, const char *config, _Out_ void **out)',
  XGDMatrixFree: 'int XGDMatrixFree(void *handle)',
  XGDMatrixSetInfoFromInterface:
    'int XGDMatrixSetInfoFromInterface(void *handle, const char *field, const char *data)',
  XGBoosterCreate: 'int XGBoosterCreate(const void **dmats, uint64_t len, _Out_ void **out)',
  XGBoosterFree: 'int XGBoosterFree(void *handle)',
  XGBoosterSetParam: 'int XGBoosterSetParam(void *handle, const char *name, const char *value)',
  XGBoosterUpdateOneIter: 'int XGBoosterUpdateOneIter(void *handle, int iter, void *dtrain)',
  XGBoosterEvalOneIter:
    'int XGBoosterEvalOneIter(void *handle, int iter, void **dmats, const char **evnames, uint64_t len, _Out_ const char **out_result)',
  XGBoosterSlice:
    'int XGBoosterSlice(void *handle, int begin_layer, int end_layer, int step, _Out_ void **out)',
  XGBoosterBoostedRounds: 'int XGBoosterBoostedRounds(void *handle, _Out_ int *out)',
  XGBoosterGetNumFeature: 'int XGBoosterGetNumFeature(void *handle, _Out_ uint64_t *out)',
  XGBoosterPredictFromDMatrix:
    'int XGBoosterPredictFromDMatrix(void *handle, void *dmat, const char *config, _Out_ const uint64_t **out_shape, _Out_ uint64_t *out_dim, _Out_ const float **out_result)',
  XGBoosterSaveModelToBuffer:
    'int XGBoosterSaveModelToBuffer(void *handle, const char *config, _Out_ uint64_t *out_len, _Out_ const uint8_t **out_dptr)',
  XGBoosterLoadModelFromBuffer:
    'int XGBoosterLoadModelFromBuffer(void *handle, const void *buf, uint64_t len)',
  XGBoosterFeatureScore:
    'int XGBoosterFeatureScore(void *handle, const char *config, _Out_ uint64_t *out_n_features, _Out_ const char ***out_features, _Out_ uint64_t *out_dim, _Out_ const uint64_t **out_shape, _Out_ const float **out_scores)',
} as const;

/** A function of the library that takes part in `XgboostLibrary.call`. */
export type XgboostFunction = Exclude<
  keyof typeof XGBOOST_DECLARATIONS,
  'XGBGetLastError' | 'XGBoostVersion'
>;

/** The loaded library. */
export interface XgboostLibrary {
  /** `major.minor.patch` of the library. */
  readonly version: string;
  /**
   * Calls a function that answers 0 for success.
   *
   * @throws PipelineError XGBOOST_CALL with the library's own message
   */
  call(name: XgboostFunction, ...args: unknown[]): void;
}

const loaded = new Map<string, XgboostLibrary>();

/**
 * Loads libxgboost once per path and process.
 *
 * Sets `OMP_WAIT_POLICY=PASSIVE` when it is unset: with both cores busy, spinning OpenMP threads made
 * one run 16 times slower. The OpenMP runtime reads it when it is loaded, so a launcher of child
 * processes should set it too (a worker thread's `process.env` does not reach C).
 *
 * @param path of `libxgboost.so`, see `findXgboostLibrary`
 * @throws PipelineError XGBOOST_LIBRARY when it cannot be loaded or lacks a declared function
 */
export function loadXgboost(path: string): XgboostLibrary {
  const known = loaded.get(path);
  if (known !== undefined) return known;
  process.env['OMP_WAIT_POLICY'] ??= 'PASSIVE';
  const library = bind(path);
  library.call('XGBSetGlobalConfig', '{"verbosity": 0}');
  loaded.set(path, library);
  return library;
}

function bind(path: string): XgboostLibrary {
  const functions = new Map<string, (...args: unknown[]) => unknown>();
  try {
    const native = koffi.load(path);
    for (const [name, declaration] of Object.entries(XGBOOST_DECLARATIONS)) {
      functions.set(name, native.func(declaration));
    }
  } catch (cause) {
    throw new PipelineError(
      {
        code: 'XGBOOST_LIBRARY',
        file: path,
        found: cause instanceof Error ? cause.message : String(cause),
        expected: 'libxgboost 3.2.0',
        fix: 'run `npm start` once, or `node scripts/setup.mjs`, to install it',
      },
      { cause },
    );
  }
  const parts: [Out<number>, Out<number>, Out<number>] = [[null], [null], [null]];
  functions.get('XGBoostVersion')?.(...parts);
  return {
    version: parts.map(([part]) => part).join('.'),
    call(name, ...args) {
      if (functions.get(name)?.(...args) === 0) return;
      throw new PipelineError({
        code: 'XGBOOST_CALL',
        column: name,
        found: firstLine(String(functions.get('XGBGetLastError')?.())),
        fix: 'check the settings and the data against the message of the library',
      });
    },
  };
}

/** The library appends a stack trace to its messages. */
function firstLine(message: string): string {
  return message.split('\nStack trace')[0]?.trim().replaceAll('\n', ' ') ?? message;
}

/**
 * Path of the library that set-up installed from the PyPI wheel `xgboost-cpu`.
 *
 * @param setupDir the set-up folder, `.cache/setup` of the checkout
 * @throws PipelineError XGBOOST_LIBRARY when it is not there
 */
export function findXgboostLibrary(setupDir: string): string {
  const libraries = join(setupDir, 'venv', 'lib');
  const tail = join('site-packages', 'xgboost', 'lib');
  for (const python of foldersIn(libraries).filter((name) => name.startsWith('python3'))) {
    const folder = join(libraries, python, tail);
    const file = foldersIn(folder).find((name) => /^libxgboost\.(so|dylib)$/.test(name));
    if (file !== undefined) return join(folder, file);
  }
  throw new PipelineError({
    code: 'XGBOOST_LIBRARY',
    file: join(libraries, 'python3*', tail, 'libxgboost.so'),
    found: 'no such file',
    expected: 'the library of PyPI xgboost-cpu 3.2.0',
    fix: 'run `npm start` once, or `node scripts/setup.mjs`, to install it',
  });
}

function foldersIn(dir: string): string[] {
  try {
    return readdirSync(dir).sort();
  } catch {
    return []; // absent: the caller says what is missing
  }
}

/** An array that the library reads in place, as NumPy's `__array_interface__` (version 3) in JSON. */
export function arrayInterface(data: Float32Array, shape: readonly number[]): string {
  const address = koffi.address(data).toString(); // 64 bits: JSON.stringify takes no bigint
  return `{"data":[${address},true],"shape":[${shape.join(',')}],"typestr":"<f4","version":3}`;
}

/** Copies `length` floats that the library owns until its next call. */
export function copyFloats(pointer: NativePointer, length: number): Float32Array {
  return length === 0
    ? new Float32Array()
    : new Float32Array(koffi.view(pointer, length * 4)).slice();
}

/** Copies `length` bytes that the library owns until its next call. */
export function copyBytes(pointer: NativePointer, length: number): Uint8Array {
  return new Uint8Array(koffi.view(pointer, length)).slice();
}

/** Reads `length` C strings behind a `const char **`. */
export function copyStrings(pointer: NativePointer, length: number): string[] {
  const strings: unknown = koffi.decode(pointer, 'const char *', length);
  return Array.isArray(strings) ? strings.map(String) : [];
}

/** Reads `length` unsigned 64-bit sizes. */
export function copySizes(pointer: NativePointer, length: number): number[] {
  return Array.from(new BigUint64Array(koffi.view(pointer, length * 8)), Number);
}
