/**
 * TensorFlow's C API, called through koffi. Only the functions used here are declared; a test holds each
 * declaration against the C header of the same version.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';
import { PipelineError } from '../../contracts/errors.js';
import {
  bindFunctions,
  INSTALL,
  type LibraryDescription,
  type NativeFunction,
  type NativePointer,
} from '../native-library.js';

// koffi knows types by name
koffi.struct('TF_Output', { oper: 'void *', index: 'int' });

/** The declared functions, as C; handles are `void *`, enumerations `int`. */
export const TENSORFLOW_DECLARATIONS = {
  TF_Version: 'const char *TF_Version()',
  TF_NewStatus: 'void *TF_NewStatus()',
  TF_GetCode: 'int TF_GetCode(const void *s)',
  TF_Message: 'const char *TF_Message(const void *s)',
  TF_DeleteStatus: 'void TF_DeleteStatus(void *s)',
  TF_AllocateTensor:
    'void *TF_AllocateTensor(int type, const int64_t *dims, int num_dims, size_t len)',
  TF_TensorData: 'void *TF_TensorData(const void *t)',
  TF_TensorByteSize: 'size_t TF_TensorByteSize(const void *t)',
  TF_DeleteTensor: 'void TF_DeleteTensor(void *t)',
  TF_NewGraph: 'void *TF_NewGraph()',
  TF_DeleteGraph: 'void TF_DeleteGraph(void *g)',
  TF_NewOperation: 'void *TF_NewOperation(void *graph, const char *op_type, const char *oper_name)',
  TF_AddInput: 'void TF_AddInput(void *desc, TF_Output input)',
  TF_AddInputList: 'void TF_AddInputList(void *desc, const TF_Output *inputs, int num_inputs)',
  TF_SetAttrType: 'void TF_SetAttrType(void *desc, const char *attr_name, int value)',
  TF_SetAttrBool: 'void TF_SetAttrBool(void *desc, const char *attr_name, uint8_t value)',
  TF_SetAttrInt: 'void TF_SetAttrInt(void *desc, const char *attr_name, int64_t value)',
  TF_SetAttrFloat: 'void TF_SetAttrFloat(void *desc, const char *attr_name, float value)',
  TF_SetAttrString:
    'void TF_SetAttrString(void *desc, const char *attr_name, const void *value, size_t length)',
  TF_SetAttrIntList:
    'void TF_SetAttrIntList(void *desc, const char *attr_name, const int64_t *values, int num_values)',
  TF_SetAttrShape:
    'void TF_SetAttrShape(void *desc, const char *attr_name, const int64_t *dims, int num_dims)',
  TF_SetAttrTensor:
    'void TF_SetAttrTensor(void *desc, const char *attr_name, void *value, void *status)',
  TF_FinishOperation: 'void *TF_FinishOperation(void *desc, void *status)',
  TF_GraphGetTensorNumDims:
    'int TF_GraphGetTensorNumDims(void *graph, TF_Output output, void *status)',
  TF_GraphGetTensorShape:
    'void TF_GraphGetTensorShape(void *graph, TF_Output output, int64_t *dims, int num_dims, void *status)',
  TF_AddGradients:
    'void TF_AddGradients(void *g, TF_Output *y, int ny, TF_Output *x, int nx, TF_Output *dx, void *status, _Out_ TF_Output *dy)',
  TF_NewSessionOptions: 'void *TF_NewSessionOptions()',
  TF_DeleteSessionOptions: 'void TF_DeleteSessionOptions(void *opts)',
  TF_NewSession: 'void *TF_NewSession(void *graph, const void *opts, void *status)',
  TF_DeleteSession: 'void TF_DeleteSession(void *s, void *status)',
  TF_SessionRun:
    'void TF_SessionRun(void *session, const void *run_options, const TF_Output *inputs, void **input_values, int ninputs, const TF_Output *outputs, _Out_ void **output_values, int noutputs, const void **target_opers, int ntargets, void *run_metadata, void *status)',
} as const;

/** An operation's output in a graph; TF_Output of the C API. */
export interface GraphValue {
  readonly oper: NativePointer;
  readonly index: number;
}

/** A function of the library. */
export type TensorflowFunction = keyof typeof TENSORFLOW_DECLARATIONS;

/** The loaded library. */
export interface TensorflowLibrary {
  /** `major.minor.patch`. */
  readonly version: string;
  readonly functions: Readonly<Record<TensorflowFunction, NativeFunction>>;
  /**
   * Calls what takes a status.
   *
   * @param subject what is said to have failed
   * @throws PipelineError TENSORFLOW_CALL with the library's message
   */
  readonly attempt: <T>(subject: string, call: (status: NativePointer) => T) => T;
}

const DESCRIPTION: LibraryDescription = {
  expected: 'libtensorflow_cc of PyPI tensorflow-cpu 2.21.0',
  code: 'TENSORFLOW_LIBRARY',
};

const loaded = new Map<string, TensorflowLibrary>();

/**
 * Loads the library once per path and process (.5 s, 400 MB); processes that never ask do not pay.
 *
 * @param path of `libtensorflow_cc.so.2`, see `findTensorflowLibrary`
 * @throws PipelineError TENSORFLOW_LIBRARY when it cannot be loaded or lacks a declared function
 */
export function loadTensorflow(path: string): TensorflowLibrary {
  const known = loaded.get(path);
  if (known !== undefined) return known;
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2'; // warnings about CPU features are no news to a user
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true'; // else a training takes the whole memory of a GPU
  const functions = bindFunctions(path, TENSORFLOW_DECLARATIONS, DESCRIPTION);
  keepLoaded(path);
  const library = {
    version: String(functions.TF_Version()),
    functions,
    attempt: <T>(subject: string, call: (status: NativePointer) => T): T => {
      const status = functions.TF_NewStatus() as NativePointer; // as declared
      try {
        const result = call(status);
        requireSuccess(functions, subject, status);
        return result;
      } finally {
        functions.TF_DeleteStatus(status);
      }
    },
  };
  loaded.set(path, library);
  return library;
}

/** Of glibc's dlfcn.h. */
const RTLD_LAZY = 1;
const RTLD_NODELETE = 0x1000;

/** A process that ends unloads its libraries, which TensorFlow answers with a segmentation fault. */
function keepLoaded(path: string): void {
  const open = koffi.load(null).func('void *dlopen(const char *file, int mode)');
  open(path, RTLD_LAZY | RTLD_NODELETE);
}

/** @throws PipelineError TENSORFLOW_CALL when the call that had `status` failed */
export function requireSuccess(
  functions: TensorflowLibrary['functions'],
  subject: string,
  status: NativePointer,
): void {
  if (functions.TF_GetCode(status) === 0) return;
  throw new PipelineError({
    code: 'TENSORFLOW_CALL',
    column: subject,
    found: String(functions.TF_Message(status)).replaceAll('\n', ' '),
    fix: 'check the settings and the data against the message of the library',
  });
}

/**
 * Path of the library that set-up unpacked from the PyPI wheel `tensorflow-cpu`.
 *
 * @param setupDir the set-up folder, `.cache/setup` of the checkout
 * @throws PipelineError TENSORFLOW_LIBRARY when it is not there
 */
export function findTensorflowLibrary(setupDir: string): string {
  const file = join(setupDir, 'tensorflow', 'libtensorflow_cc.so.2');
  if (existsSync(file)) return file;
  const { code, expected } = DESCRIPTION;
  throw new PipelineError({ code, file, found: 'no such library', expected, fix: INSTALL });
}
