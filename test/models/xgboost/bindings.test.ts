import { expect, test } from 'vitest';
import { loadXgboost, XGBOOST_DECLARATIONS } from '../../../models/xgboost/bindings.js';
import { readGolden } from '../golden.js';
import { xgboostLibrary } from '../setup.js';

interface Golden {
  readonly version: string;
  /** Name -> result and parameters, without const and names: `uint64_t**`. */
  readonly functions: Readonly<Record<string, readonly string[]>>;
}

const golden = readGolden<Golden>('xgboost-c-api');

/** `_Out_ const uint64_t **out_shape` -> `uint64_t**`, as the golden file spells types. */
function canonical(parameter: string): string {
  const word = /\w+/.exec(parameter.replace(/\b(_Out_|const)\b/g, ''))?.[0] ?? '';
  return word + '*'.repeat(parameter.split('*').length - 1);
}

test.each(Object.entries(XGBOOST_DECLARATIONS))(
  '%s is declared as in the C header',
  (name, text) => {
    const [, result = '', parameters = ''] = /^(.*?)XG\w+\((.*)\)$/.exec(text) ?? [];
    const types = parameters === '' ? [] : parameters.split(',').map(canonical);
    const declared = [canonical(result), ...types];
    // Binary results are declared as bytes, where koffi would read `char` as text.
    const header = golden.functions[name]?.map((type, i) =>
      declared[i] === 'uint8_t**' && type === 'char**' ? 'uint8_t**' : type,
    );
    expect(declared).toEqual(header);
  },
);

test('the library is of the version whose header was read', () => {
  expect(loadXgboost(xgboostLibrary()).version).toBe(golden.version);
});

test('waits passively for OpenMP work unless told otherwise', () => {
  loadXgboost(xgboostLibrary());
  expect(process.env['OMP_WAIT_POLICY']).toBe('PASSIVE');
});
