/**
 * A boosting library's C API, called through koffi: found in the set-up folder, bound once, its errors made ours.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';
import { PipelineError, type ErrorCode } from '../../contracts/errors.js';

/** A pointer owned by the library. */
export type NativePointer = bigint;

/** A place the library writes a result into: koffi fills element 0. */
export type Out<T> = [T | null];

/** What differs between the libraries. */
export interface LibraryFacts {
  /** As in the message of a library that is missing: `libxgboost 3.2.0`. */
  readonly expected: string;
  readonly codes: { readonly library: ErrorCode; readonly call: ErrorCode };
  /** The function that returns the text of the last error. */
  readonly lastError: string;
  /** Where the wheel has it below `site-packages`. */
  readonly folder: string;
  readonly file: RegExp;
}

/** A loaded library. `Name` are its functions that answer 0 for success. */
export interface NativeLibrary<Name extends string> {
  /**
   * Calls a function.
   *
   * @throws PipelineError with the code for failed calls and the library's own message
   */
  call(name: Name, ...args: unknown[]): void;
  /** Calls a function whose last parameter receives its only result. */
  receive<T = NativePointer>(name: Name, ...args: unknown[]): T;
}

/**
 * Binds the declared functions.
 *
 * Sets `OMP_WAIT_POLICY=PASSIVE` when it is unset: with both cores busy, spinning OpenMP threads made
 * one run 16 times slower. The OpenMP runtime reads it when it is loaded, so a launcher of child
 * processes should set it too (a worker thread's `process.env` does not reach C).
 *
 * @param declarations name -> prototype in C
 * @throws PipelineError with the code for libraries when it cannot be loaded or lacks a function
 */
export function bindLibrary<Name extends string>(
  path: string,
  declarations: Readonly<Record<Name, string>>,
  { expected, codes, lastError }: LibraryFacts,
): NativeLibrary<Name> {
  process.env['OMP_WAIT_POLICY'] ??= 'PASSIVE';
  const functions = new Map<string, (...args: unknown[]) => unknown>();
  try {
    const native = koffi.load(path);
    for (const [name, declaration] of Object.entries<string>(declarations)) {
      functions.set(name, native.func(declaration));
    }
  } catch (cause) {
    throw new PipelineError(
      {
        code: codes.library,
        file: path,
        found: cause instanceof Error ? cause.message : String(cause),
        expected,
        fix: INSTALL,
      },
      { cause },
    );
  }
  const library: NativeLibrary<Name> = {
    call(name, ...args) {
      const status = functions.get(name)?.(...args);
      if (status === 0 || status === undefined) return; // a void function cannot fail
      throw new PipelineError({
        code: codes.call,
        column: name,
        found: firstLine(String(functions.get(lastError)?.())),
        fix: 'check the settings and the data against the message of the library',
      });
    },
    receive<T>(name: Name, ...args: unknown[]) {
      const out: Out<T> = [null];
      library.call(name, ...args, out);
      return filled(out);
    },
  };
  return library;
}

/** What the library wrote into `out` in a call that succeeded. */
export function filled<T>(out: Out<T>): T {
  return out[0] as T; // the call succeeded, so the library wrote it
}

/** XGBoost appends a stack trace to its messages. */
function firstLine(message: string): string {
  return message.split('\nStack trace')[0]?.trim().replaceAll('\n', ' ') ?? message;
}

/**
 * Path of a library that set-up installed from a PyPI wheel.
 *
 * @param setupDir the set-up folder, `.cache/setup` of the checkout
 * @throws PipelineError with the code for libraries when it is not there
 */
export function findWheelLibrary(setupDir: string, facts: LibraryFacts): string {
  const libraries = join(setupDir, 'venv', 'lib');
  const tail = join('site-packages', facts.folder);
  for (const python of foldersIn(libraries).filter((name) => name.startsWith('python3'))) {
    const folder = join(libraries, python, tail);
    const file = foldersIn(folder).find((name) => facts.file.test(name));
    if (file !== undefined) return join(folder, file);
  }
  throw new PipelineError({
    code: facts.codes.library,
    file: join(libraries, 'python3*', tail),
    found: 'no such library',
    expected: facts.expected,
    fix: INSTALL,
  });
}

function foldersIn(dir: string): string[] {
  try {
    return readdirSync(dir).sort();
  } catch {
    return []; // absent: the caller says what is missing
  }
}

const INSTALL = 'run `npm start` once, or `node scripts/setup.mjs`, to install it';
