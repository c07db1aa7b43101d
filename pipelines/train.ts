/** `train`: the first champions. Six models side by side, an ensemble of those on APP, all registered and scored. */
import type { ModelSpec, Preset, Split } from '../contracts/schemas/values.js';
import type { Tasks } from '../contracts/schemas/tasks.js';
import { activities, dag, type DagBuilder } from '../dag/declare.js';
import { text, type Ref } from '../dag/reference.js';
import { presetParam, splitParam } from './params.js';

const act = activities<Tasks>();

const APP_MODELS = [
  { name: 'app-xgboost', target: 'APP', kind: 'xgboost' },
  { name: 'app-lightgbm', target: 'APP', kind: 'lightgbm' },
  { name: 'app-lstm', target: 'APP', kind: 'lstm' },
  { name: 'app-cnn', target: 'APP', kind: 'cnn' },
  { name: 'app-two-branch', target: 'APP', kind: 'two-branch' },
] as const satisfies readonly ModelSpec[];

const CATEGORY_MODEL = {
  name: 'category-xgboost',
  target: 'CATEGORY',
  kind: 'xgboost',
} as const satisfies ModelSpec;

/** The serving model: its alias is the only switch. */
export const ENSEMBLE = 'app-ensemble';

/** Trains and registers one model; its task ids carry the model's name. */
function trainOne(
  d: DagBuilder<object>,
  model: ModelSpec,
  data: { split: Ref<Split>; preset: Ref<Preset> },
  firstIsChampion: boolean,
) {
  const id = model.name.replaceAll('-', '_');
  const trained = d.task(`train_${id}`, act.trainModel, {
    input: { model, ...data },
    summary: `train ${model.name}`,
  });
  return d.task(`register_${id}`, act.registerModel, {
    input: { ...model, mlflowRunId: trained.mlflowRunId, firstIsChampion },
    summary: `register ${model.name}`,
  });
}

/** Trains the members on APP and their ensemble; returns all registered versions, the ensemble's last. */
export function trainEnsemble(
  d: DagBuilder<object>,
  data: { split: Ref<Split>; preset: Ref<Preset> },
  { firstIsChampion }: { firstIsChampion: boolean },
) {
  const members = APP_MODELS.map((model) => trainOne(d, model, data, firstIsChampion));
  const fitted = d.task('fit_ensemble', act.fitEnsemble, {
    input: { name: ENSEMBLE, target: 'APP', members, ...data },
    summary: 'find the weights of the ensemble',
  });
  const ensemble = d.task('register_app_ensemble', act.registerModel, {
    input: {
      name: ENSEMBLE,
      target: 'APP',
      kind: 'ensemble',
      mlflowRunId: fitted.mlflowRunId,
      firstIsChampion,
    },
    summary: `register ${ENSEMBLE}`,
  });
  return { members, ensemble };
}

/** The `train` DAG. */
export const train = dag(
  'train',
  {
    description: 'Trains, registers and scores the first champions.',
    params: {
      split: splitParam,
      preset: presetParam,
      parts: [] as Tasks['evaluateModel']['input']['parts'], // what an empty array does not say
    },
  },
  (d) => {
    const data = { split: d.params.split, preset: d.params.preset };
    const { members, ensemble } = trainEnsemble(d, data, { firstIsChampion: true });
    const category = trainOne(d, CATEGORY_MODEL, data, true);
    const models = [...members, category, ensemble];
    const scored = models.map((model, index) => {
      const name = [...APP_MODELS.map((spec) => spec.name), CATEGORY_MODEL.name, ENSEMBLE][index]!; // as `models`
      return d.task(`evaluate_${name.replaceAll('-', '_')}`, act.evaluateModel, {
        input: { model, split: d.params.split, parts: d.params.parts },
        summary: text`score ${name} ${model.version}`,
      });
    });
    return { models, scored };
  },
);
