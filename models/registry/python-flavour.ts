/**
 * What Python's MLflow reads beside a model's own file, so that `mlflow.pyfunc.load_model` and the
 * package of its flavour load a registered version: `MLmodel`, as `mlflow.*.save_model` of MLflow 3.17
 * writes it, and the packages it needs.
 */
import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
import type { ModelFile } from '../model-folder.js';

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
  /** Names of the columns of the matrix that it reads, in order. */
  readonly columns: readonly string[];
  /** [K] */
  readonly classes: readonly string[];
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

function mlmodel({ flavour, file, bytes, version, createdAt, columns, classes }: PythonModel) {
  const { facts, inputs, outputs } = FLAVOURS[flavour];
  return {
    flavors: {
      python_function: {
        data: file,
        env: { virtualenv: 'python_env.yaml' },
        loader_module: `mlflow.${flavour}`,
        python_version: PYTHON_VERSION,
      },
      [flavour]: { code: null, data: file, ...facts(version) },
    },
    is_signature_from_type_hint: false,
    metadata: { columns, classes },
    mlflow_version: MLFLOW_VERSION,
    model_id: null,
    model_size_bytes: bytes.length,
    model_uuid: createHash('sha256').update(bytes).digest('hex').slice(0, 32),
    prompts: null,
    signature: {
      inputs: JSON.stringify(inputs(columns)),
      outputs: JSON.stringify(outputs(classes.length)),
      params: null,
    },
    type_hint_from_example: false,
    utc_time_created: createdAt.replace('T', ' ').replace('Z', '000'), // Python's microseconds
  };
}

/** A frame's columns by name. */
function namedColumns(columns: readonly string[]) {
  return columns.map((name) => ({ name, type: 'double', required: true }));
}

/** Of each flow the probability of every class, or of two classes that of the second. */
function boosterOutput(dtype: 'float32' | 'float64') {
  return (classCount: number) => [tensor(dtype, classCount === 2 ? [-1] : [-1, classCount])];
}

/** A tensor; -1 is the number of flows. */
function tensor(dtype: 'float32' | 'float64', shape: readonly number[]) {
  return { type: 'tensor', 'tensor-spec': { dtype, shape } };
}

const MLFLOW_VERSION = '3.17.2';

/** Any that these packages support will do; MLflow warns where another one runs. */
const PYTHON_VERSION = '3.11';

/** What `mlflow.<flavour>` wants to know, the packages it imports, what it takes and what it gives. */
const FLAVOURS = {
  xgboost: {
    facts: (version: string) => ({
      model_class: 'xgboost.core.Booster',
      model_format: 'ubj',
      xgb_version: version,
    }),
    packages: (version: string) => [`xgboost-cpu==${version}`],
    inputs: namedColumns,
    outputs: boosterOutput('float32'),
  },
  lightgbm: {
    facts: (version: string) => ({ lgb_version: version, model_class: 'lightgbm.basic.Booster' }),
    packages: (version: string) => [`lightgbm==${version}`],
    inputs: namedColumns,
    outputs: boosterOutput('float64'),
  },
  onnx: {
    facts: (version: string) => ({ onnx_version: version, providers: ['CPUExecutionProvider'] }),
    packages: (version: string) => [`onnx==${version}`, 'onnxruntime'],
    // without a name: MLflow would look for one column of that name, and would lay the answer to named columns flat
    inputs: (columns: readonly string[]) => [tensor('float32', [-1, columns.length])],
    outputs: (classCount: number) => [
      { name: 'probabilities', ...tensor('float32', [-1, classCount]) },
    ],
  },
} as const;
