/** Where trees are grown. */
import { existsSync } from 'node:fs';
import type { XgboostLibrary } from './bindings.js';
import type { XgboostSettings } from './settings.js';

/** The device that a setting means here: `auto` is CUDA where the library was built for it and an NVIDIA driver is loaded. */
export function deviceOf(setting: XgboostSettings['device'], library: XgboostLibrary): string {
  if (setting !== 'auto') return setting;
  return library.hasCuda && existsSync('/dev/nvidiactl') ? 'cuda' : 'cpu';
}
