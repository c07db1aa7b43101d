/**
 * lib_lightgbm's C API, called through koffi. Only the functions used here are declared; a test holds
 * each declaration against the C header of the same version.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import koffi from 'koffi';
import {
  bindLibrary,
  findWheelLibrary,
  type LibraryFacts,
  type NativeLibrary,
} from '../boosting/native-library.js';
import type { NativePointer } from '../native-library.js';

/** The declared functions, as C; handles are `void *`, and text that we receive is `uint8_t` behind a buffer of ours. */
export const LIGHTGBM_DECLARATIONS = {
  LGBM_GetLastError: 'const char *LGBM_GetLastError()',
  LGBM_GetSampleCount:
    'int LGBM_GetSampleCount(int32_t num_total_row, const char *parameters, _Out_ int *out)',
  LGBM_SampleIndices:
    'int LGBM_SampleIndices(int32_t num_total_row, const char *parameters, void *out, _Out_ int32_t *out_len)',
  LGBM_DatasetCreateFromSampledColumn:
    'int LGBM_DatasetCreateFromSampledColumn(double **sample_data, int **sample_indices, int32_t ncol, const int *num_per_col, int32_t num_sample_row, int32_t num_local_row, int64_t num_dist_row, const char *parameters, _Out_ void **out)',
  LGBM_DatasetCreateByReference:
    'int LGBM_DatasetCreateByReference(const void *reference, int64_t num_total_row, _Out_ void **out)',
  LGBM_DatasetPushRows:
    'int LGBM_DatasetPushRows(void *dataset, const void *data, int data_type, int32_t nrow, int32_t ncol, int32_t start_row)',
  LGBM_DatasetSetFeatureNames:
    'int LGBM_DatasetSetFeatureNames(void *handle, const char **feature_names, int num_feature_names)',
  LGBM_DatasetSetField:
    'int LGBM_DatasetSetField(void *handle, const char *field_name, const void *field_data, int num_element, int type)',
  LGBM_DatasetFree: 'int LGBM_DatasetFree(void *handle)',
  LGBM_BoosterCreate:
    'int LGBM_BoosterCreate(const void *train_data, const char *parameters, _Out_ void **out)',
  LGBM_BoosterLoadModelFromString:
    'int LGBM_BoosterLoadModelFromString(const char *model_str, _Out_ int *out_num_iterations, _Out_ void **out)',
  LGBM_BoosterAddValidData: 'int LGBM_BoosterAddValidData(void *handle, const void *valid_data)',
  LGBM_BoosterUpdateOneIter: 'int LGBM_BoosterUpdateOneIter(void *handle, _Out_ int *is_finished)',
  LGBM_BoosterGetEval:
    'int LGBM_BoosterGetEval(void *handle, int data_idx, _Out_ int *out_len, double *out_results)',
  LGBM_BoosterPredictForMat:
    'int LGBM_BoosterPredictForMat(void *handle, const void *data, int data_type, int32_t nrow, int32_t ncol, int is_row_major, int predict_type, int start_iteration, int num_iteration, const char *parameter, _Out_ int64_t *out_len, double *out_result)',
  LGBM_BoosterFeatureImportance:
    'int LGBM_BoosterFeatureImportance(void *handle, int num_iteration, int importance_type, double *out_results)',
  LGBM_BoosterSaveModelToString:
    'int LGBM_BoosterSaveModelToString(void *handle, int start_iteration, int num_iteration, int feature_importance_type, int64_t buffer_len, _Out_ int64_t *out_len, uint8_t *out_str)',
  LGBM_BoosterFree: 'int LGBM_BoosterFree(void *handle)',
} as const;

/** The loaded library. */
export interface LightgbmLibrary extends NativeLibrary<
  Exclude<keyof typeof LIGHTGBM_DECLARATIONS, 'LGBM_GetLastError'>
> {
  /** `major.minor.patch` of the package. */
  readonly version: string;
}

const FACTS: LibraryFacts<keyof typeof LIGHTGBM_DECLARATIONS> = {
  expected: 'lib_lightgbm of PyPI lightgbm 4.6.0',
  codes: { library: 'LIGHTGBM_LIBRARY', call: 'LIGHTGBM_CALL' },
  lastError: 'LGBM_GetLastError',
  folder: 'lightgbm/lib',
  file: /^lib_lightgbm\.(so|dylib)$/,
};

const loaded = new Map<string, LightgbmLibrary>();

/**
 * Loads lib_lightgbm once per path and process. See `bindLibrary` for OpenMP.
 *
 * @param path of `lib_lightgbm.so` in its Python package, see `findLightgbmLibrary`
 * @throws PipelineError LIGHTGBM_LIBRARY when it cannot be loaded or lacks a declared function
 */
export function loadLightgbm(path: string): LightgbmLibrary {
  const known = loaded.get(path);
  if (known !== undefined) return known;
  const library = bindLibrary(path, LIGHTGBM_DECLARATIONS, FACTS);
  // the library itself does not tell; its package does
  const version = readFileSync(join(dirname(path), '..', 'VERSION.txt'), 'utf8').trim();
  const lightgbm = { ...library, version };
  loaded.set(path, lightgbm);
  return lightgbm;
}

/**
 * Path of the library that set-up installed from the PyPI wheel `lightgbm`.
 *
 * @param setupDir the set-up folder, `.cache/setup` of the checkout
 * @throws PipelineError LIGHTGBM_LIBRARY when it is not there
 */
export function findLightgbmLibrary(setupDir: string): string {
  return findWheelLibrary(setupDir, FACTS);
}

/** Where an array of ours lies; it must outlive the call. */
export function addressOf(array: Float32Array | Float64Array | Int32Array): NativePointer {
  return koffi.address(array);
}
