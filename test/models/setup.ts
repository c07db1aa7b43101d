/** Where set-up put the native libraries. */
import { join } from 'node:path';
import { findLightgbmLibrary } from '../../models/lightgbm/bindings.js';
import { findTensorflowLibrary } from '../../models/tensorflow/library.js';
import { findXgboostLibrary } from '../../models/xgboost/bindings.js';

/** The checkout's set-up folder. */
export const SETUP_DIR = join(import.meta.dirname, '..', '..', '.cache', 'setup');

/** Path of libxgboost. */
export function xgboostLibrary(): string {
  return findXgboostLibrary(SETUP_DIR);
}

/** Path of libtensorflow_cc. */
export function tensorflowLibrary(): string {
  return findTensorflowLibrary(SETUP_DIR);
}

/** Path of lib_lightgbm. */
export function lightgbmLibrary(): string {
  return findLightgbmLibrary(SETUP_DIR);
}
