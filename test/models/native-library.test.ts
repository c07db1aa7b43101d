import { describe, expect, test } from 'vitest';
import { LIGHTGBM_DECLARATIONS, loadLightgbm } from '../../models/lightgbm/bindings.js';
import { loadXgboost, XGBOOST_DECLARATIONS } from '../../models/xgboost/bindings.js';
import { loadTensorflow, TENSORFLOW_DECLARATIONS } from '../../models/tensorflow/library.js';
import { readGolden } from './golden.js';
import { lightgbmLibrary, tensorflowLibrary, xgboostLibrary } from './setup.js';

interface Header {
  readonly version: string;
  /** Name -> result and parameters, without const and names: `uint64_t**`. */
  readonly functions: Readonly<Record<string, readonly string[]>>;
}

const headers = readGolden<{
  libraries: Record<'xgboost' | 'lightgbm' | 'tensorflow_cpu', Header>;
}>('native-c-api');

/** `_Out_ const uint64_t **out_shape` -> `uint64_t**`, as the golden file spells types. */
function canonical(parameter: string): string {
  const word = /\w+/.exec(parameter.replace(/\b(_Out_|const)\b/g, ''))?.[0] ?? '';
  return word + '*'.repeat(parameter.split('*').length - 1);
}

describe.each([
  {
    name: 'xgboost',
    header: headers.libraries.xgboost,
    declarations: Object.entries<string>(XGBOOST_DECLARATIONS),
    load: () => loadXgboost(xgboostLibrary()),
  },
  {
    name: 'lightgbm',
    header: headers.libraries.lightgbm,
    declarations: Object.entries<string>(LIGHTGBM_DECLARATIONS),
    load: () => loadLightgbm(lightgbmLibrary()),
  },
  {
    name: 'tensorflow',
    header: headers.libraries.tensorflow_cpu,
    declarations: Object.entries<string>(TENSORFLOW_DECLARATIONS),
    load: () => loadTensorflow(tensorflowLibrary()),
  },
])('$name', ({ header, declarations, load }) => {
  test.each<[string, string]>(declarations)('%s is declared as in the C header', (name, text) => {
    const [, result = '', parameters = ''] = /^(.*?)(?:XG|LGBM_|TF_)\w+\((.*)\)$/.exec(text) ?? [];
    const types = parameters === '' ? [] : parameters.split(',').map(canonical);
    const declared = [canonical(result), ...types];
    // Bytes are declared as such where koffi would read `char` as text.
    const wanted = header.functions[name]?.map((type, i) =>
      declared[i]?.startsWith('uint8_t') === true ? type.replace('char', 'uint8_t') : type,
    );
    expect(declared).toEqual(wanted);
  });

  test('the library is of the version whose header was read', () => {
    expect(load().version).toBe(header.version);
  });

  test('waits passively for OpenMP work unless told otherwise', () => {
    load();
    expect(process.env['OMP_WAIT_POLICY']).toBe('PASSIVE');
  });
});
