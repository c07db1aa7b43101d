/**
 * libxgboost's C API, called through koffi. Only the functions used here are declared; a test holds
 * each declaration against the C header of the same version.
 */
import koffi from 'koffi';
import {
  bindLibrary,
  findWheelLibrary,
  type LibraryFacts,
  type NativeLibrary,
} from '../boosting/native-library.js';
import type { NativePointer, Out } from '../native-library.js';

// koffi knows callback types by name
koffi.proto('void DataIterResetCallback(void *handle)');
koffi.proto('int XGDMatrixCallbackNext(void *iter)');

/** The declared functions, as C; `bst_ulong` is `uint64_t`, handles are `void *`, and bytes are `uint8_t` where koffi would read `char` as text. */
export const XGBOOST_DECLARATIONS = {
  XGBGetLastError: 'const char *XGBGetLastError()',
  XGBSetGlobalConfig: 'int XGBSetGlobalConfig(const char *config)',
  XGBoostVersion: 'void XGBoostVersion(_Out_ int *major, _Out_ int *minor, _Out_ int *patch)',
  XGBuildInfo: 'int XGBuildInfo(_Out_ const char **out)',
  XGDMatrixCreateFromDense:
    'int XGDMatrixCreateFromDense(const char *data, const char *config, _Out_ void **out)',
  XGQuantileDMatrixCreateFromCallback:
    'int XGQuantileDMatrixCreateFromCallback(void *iter, void *proxy, void *ref, DataIterResetCallback *reset, XGDMatrixCallbackNext *next, const char *config, _Out_ void **out)',
  XGProxyDMatrixCreate: 'int XGProxyDMatrixCreate(_Out_ void **out)',
  XGProxyDMatrixSetDataDense: 'int XGProxyDMatrixSetDataDense(void *handle, const char *data)',
  XGDMatrixFree: 'int XGDMatrixFree(void *handle)',
  XGDMatrixSetInfoFromInterface:
    'int XGDMatrixSetInfoFromInterface(void *handle, const char *field, const char *data)',
  XGBoosterCreate: 'int XGBoosterCreate(const void **dmats, uint64_t len, _Out_ void **out)',
  XGBoosterFree: 'int XGBoosterFree(void *handle)',
  XGBoosterSetParam: 'int XGBoosterSetParam(void *handle, const char *name, const char *value)',
  XGBoosterSetStrFeatureInfo:
    'int XGBoosterSetStrFeatureInfo(void *handle, const char *field, const char **features, uint64_t size)',
  XGBoosterUpdateOneIter: 'int XGBoosterUpdateOneIter(void *handle, int iter, void *dtrain)',
  XGBoosterEvalOneIter:
    'int XGBoosterEvalOneIter(void *handle, int iter, void **dmats, const char **evnames, uint64_t len, _Out_ const char **out_result)',
  XGBoosterSlice:
    'int XGBoosterSlice(void *handle, int begin_layer, int end_layer, int step, _Out_ void **out)',
  XGBoosterBoostedRounds: 'int XGBoosterBoostedRounds(void *handle, _Out_ int *out)',
  XGBoosterGetNumFeature: 'int XGBoosterGetNumFeature(void *handle, _Out_ uint64_t *out)',
  XGBoosterPredictFromDMatrix:
    'int XGBoosterPredictFromDMatrix(void *handle, void *dmat, const char *config, _Out_ const uint64_t **out_shape, _Out_ uint64_t *out_dim, _Out_ const float **out_result)',
  XGBoosterPredictFromDense:
    'int XGBoosterPredictFromDense(void *handle, const char *values, const char *config, void *m, _Out_ const uint64_t **out_shape, _Out_ uint64_t *out_dim, _Out_ const float **out_result)',
  XGBoosterSaveModelToBuffer:
    'int XGBoosterSaveModelToBuffer(void *handle, const char *config, _Out_ uint64_t *out_len, _Out_ const uint8_t **out_dptr)',
  XGBoosterLoadModelFromBuffer:
    'int XGBoosterLoadModelFromBuffer(void *handle, const void *buf, uint64_t len)',
  XGBoosterFeatureScore:
    'int XGBoosterFeatureScore(void *handle, const char *config, _Out_ uint64_t *out_n_features, _Out_ const char ***out_features, _Out_ uint64_t *out_dim, _Out_ const uint64_t **out_shape, _Out_ const float **out_scores)',
} as const;

/** The loaded library. */
export interface XgboostLibrary extends NativeLibrary<
  Exclude<keyof typeof XGBOOST_DECLARATIONS, 'XGBGetLastError'>
> {
  /** `major.minor.patch` of the library. */
  readonly version: string;
  /** Whether it was built for CUDA. */
  readonly hasCuda: boolean;
}

const FACTS: LibraryFacts<keyof typeof XGBOOST_DECLARATIONS> = {
  expected: 'libxgboost of PyPI xgboost-cpu 3.2.0',
  codes: { library: 'XGBOOST_LIBRARY', call: 'XGBOOST_CALL' },
  lastError: 'XGBGetLastError',
  folder: 'xgboost/lib',
  file: /^libxgboost\.(so|dylib)$/,
};

const loaded = new Map<string, XgboostLibrary>();

/**
 * Loads libxgboost once per path and process. See `bindLibrary` for OpenMP.
 *
 * @param path of `libxgboost.so`, see `findXgboostLibrary`
 * @throws PipelineError XGBOOST_LIBRARY when it cannot be loaded or lacks a declared function
 */
export function loadXgboost(path: string): XgboostLibrary {
  const known = loaded.get(path);
  if (known !== undefined) return known;
  const library = bindLibrary(path, XGBOOST_DECLARATIONS, FACTS);
  library.call('XGBSetGlobalConfig', '{"verbosity": 0}');
  const parts: [Out<number>, Out<number>, Out<number>] = [[null], [null], [null]];
  library.call('XGBoostVersion', ...parts);
  const build = library.receive<string>('XGBuildInfo');
  const xgboost = {
    ...library,
    version: parts.map(([part]) => part).join('.'),
    hasCuda: /"USE_CUDA":\s*true/.test(build),
  };
  loaded.set(path, xgboost);
  return xgboost;
}

/**
 * Path of the library that set-up installed from the PyPI wheel `xgboost-cpu`.
 *
 * @param setupDir the set-up folder, `.cache/setup` of the checkout
 * @throws PipelineError XGBOOST_LIBRARY when it is not there
 */
export function findXgboostLibrary(setupDir: string): string {
  return findWheelLibrary(setupDir, FACTS);
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
