/**
 * What Python's MLflow reads beside a model's own file, so that `mlflow.pyfunc.load_model` and the
 * package of its flavour load a registered version: `MLmodel`, as `mlflow.*.save_model` of MLflow 3.17
 * writes it, and the packages it needs.
 */
import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
import type { ModelFile } from '../model-folder.js';

/** A column of the matrix that the model reads. */
export interface ColumnInput {
  readonly name: string;
  readonly type: 'double' | 'float';
}

/** A tensor; -1 is the number of flows. */
export interface TensorShape {
  readonly dtype: 'float32' | 'float64';
  readonly shape: readonly number[];
}

/** A tensor that the model reads by its name. */
export interface TensorInput extends TensorShape {
  readonly name: string;
}

/** A model that Python can load. */
export interface PythonModel {
  readonly flavour: keyof typeof FLAVOURS;
  /** Its file, beside `MLmodel`. */
  readonly file: string;
  readonly bytes: Uint8Array;
  /** Version of the library that wrote the file. */
  readonly version: string;
  /** ISO 8601 in UTC. */
  readonly createdAt: string;
  /** In order. */
  readonly inputs: readonly (ColumnInput | TensorInput)[];
  readonly outputs: readonly TensorShape[];
}

/** Files to lie beside the model's; the same model gives the same bytes. */
export function pythonFiles(model: PythonModel): ModelFile[] {
  const requirements = [
    `mlflow==${MLFLOW_VERSION}`,
    ...FLAVOURS[model.flavour].packages(model.version),
  ];
  const texts = {
    MLmodel: stringify(mlmodel(model), { lineWidth: 0 }),
    'requirements.txt': `${requirements.join('\n')}\n`,
    'python_env.yaml': stringify({ python: PYTHON_VERSION, dependencies: ['-r requirements.txt'] }),
  };
  return Object.entries(texts).map(([name, text]) => ({
    name,
    bytes: new TextEncoder().encode(text),
  }));
}

function mlmodel({ flavour, file, bytes, version, createdAt, inputs, outputs }: PythonModel) {
  return {
    flavors: {
      python_function: {
        data: file,
        env: { virtualenv: 'python_env.yaml' },
        loader_module: `mlflow.${flavour}`,
        python_version: PYTHON_VERSION,
      },
      [flavour]: { code: null, data: file, ...FLAVOURS[flavour].facts(version) },
    },
    is_signature_from_type_hint: false,
    mlflow_version: MLFLOW_VERSION,
    model_id: null,
    model_size_bytes: bytes.length,
    model_uuid: createHash('sha256').update(bytes).digest('hex').slice(0, 32),
    prompts: null,
    signature: {
      inputs: JSON.stringify(
        inputs.map((input) =>
          'type' in input ? { ...input, required: true } : { name: input.name, ...tensor(input) },
        ),
      ),
      outputs: JSON.stringify(outputs.map(tensor)),
      params: null,
    },
    type_hint_from_example: false,
    utc_time_created: createdAt.replace('T', ' ').replace('Z', '000'), // Python's microseconds
  };
}

function tensor({ dtype, shape }: TensorShape) {
  return { type: 'tensor', 'tensor-spec': { dtype, shape } };
}

const MLFLOW_VERSION = '3.17.2';

/** Any that these packages support will do; MLflow warns where another one runs. */
const PYTHON_VERSION = '3.11';

/** What `mlflow.<flavour>` wants to know, and the packages it imports. */
const FLAVOURS = {
  xgboost: {
    facts: (version: string) => ({
      model_class: 'xgboost.core.Booster',
      model_format: 'ubj',
      xgb_version: version,
    }),
    packages: (version: string) => [`xgboost-cpu==${version}`],
  },
  lightgbm: {
    facts: (version: string) => ({ lgb_version: version, model_class: 'lightgbm.basic.Booster' }),
    packages: (version: string) => [`lightgbm==${version}`],
  },
  onnx: {
    facts: (version: string) => ({ onnx_version: version, providers: ['CPUExecutionProvider'] }),
    packages: (version: string) => [`onnx==${version}`, 'onnxruntime'],
  },
} as const;
