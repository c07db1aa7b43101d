/** Functions of a C library, called through koffi. */
import koffi from 'koffi';
import { PipelineError, type ErrorCode } from '../contracts/errors.js';

/** A pointer owned by the library. */
export type NativePointer = bigint;

/** A place the library writes a result into: koffi fills element 0. */
export type Out<T> = [T | null];

/** What the library wrote into `out` in a call that succeeded. */
export function filled<T>(out: Out<T>): T {
  return out[0] as T; // the call succeeded, so the library wrote it
}

/** A function of a library; `async` runs it on another thread and tells the end to its last argument. */
export interface NativeFunction {
  (...args: unknown[]): unknown;
  async(...args: unknown[]): void;
}

/** What is said of a library that is missing. */
export interface LibraryDescription {
  /** As in `libxgboost 3.2.0`. */
  readonly expected: string;
  readonly code: ErrorCode;
}

/** How to mend a library that is missing. */
export const INSTALL = 'run `npm start` once, or `node scripts/setup.mjs`, to install it';

/**
 * Binds the declared functions.
 *
 * Sets `OMP_WAIT_POLICY=PASSIVE` when it is unset: with both cores busy, spinning OpenMP threads made
 * one run 16 times slower. The OpenMP runtime reads it when it is loaded, so a launcher of child
 * processes should set it too (a worker thread's `process.env` does not reach C).
 *
 * @param declarations name -> prototype in C
 * @throws PipelineError with the description's code when the library cannot be loaded or lacks a function
 */
export function bindFunctions<Name extends string>(
  path: string,
  declarations: Readonly<Record<Name, string>>,
  { expected, code }: LibraryDescription,
): Readonly<Record<Name, NativeFunction>> {
  process.env['OMP_WAIT_POLICY'] ??= 'PASSIVE';
  try {
    const native = koffi.load(path, { lazy: true });
    const bound: Record<string, NativeFunction> = {};
    for (const [name, declaration] of Object.entries<string>(declarations)) {
      bound[name] = native.func(declaration);
    }
    return bound as Record<Name, NativeFunction>; // the names of the declarations
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new PipelineError({ code, file: path, found, expected, fix: INSTALL }, { cause });
  }
}
