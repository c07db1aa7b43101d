/**
 * A boosting library's C API: found in the set-up folder, bound once, its errors made ours.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PipelineError, type ErrorCode } from '../../contracts/errors.js';
import { bindFunctions, filled, INSTALL, type NativePointer, type Out } from '../native-library.js';

/** What differs between the libraries. */
export interface LibraryFacts<Name extends string = string> {
  /** As in the message of a library that is missing: `libxgboost 3.2.0`. */
  readonly expected: string;
  readonly codes: { readonly library: ErrorCode; readonly call: ErrorCode };
  /** The function that returns the text of the last error. */
  readonly lastError: Name;
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
 * Binds the declared functions; see `bindFunctions` for OpenMP.
 *
 * @param declarations name -> prototype in C
 * @throws PipelineError with the code for libraries when it cannot be loaded or lacks a function
 */
export function bindLibrary<Name extends string>(
  path: string,
  declarations: Readonly<Record<Name, string>>,
  { expected, codes, lastError }: LibraryFacts<Name>,
): NativeLibrary<Name> {
  const functions = bindFunctions(path, declarations, { expected, code: codes.library });
  const library: NativeLibrary<Name> = {
    call(name, ...args) {
      const status = functions[name](...args);
      if (status === 0 || status === undefined) return; // a void function cannot fail
      throw new PipelineError({
        code: codes.call,
        column: name,
        found: firstLine(String(functions[lastError]())),
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
