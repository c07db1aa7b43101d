/** Several models that vote with fixed weights. */
import { PipelineError } from '../../contracts/errors.js';
import { writeModelFolder, type ManifestOf } from '../model-folder.js';
import type { FlowSet, TrainedModel } from '../model.js';
import type { RejectRule } from '../open-world/reject-rule.js';
import { combineProbabilities } from './combination.js';
import type { Stacking } from './stacking.js';

/** A member: which model version it is, and how much it counts. */
export interface EnsembleMember {
  readonly name: string;
  readonly version: string;
  /** 0..1; the weights of all members sum to 1. */
  readonly weight: number;
  readonly model: TrainedModel;
}

/** Finds a member by its name and exact version; the ensemble will dispose it. */
export type MemberResolver = (name: string, version: string) => Promise<TrainedModel>;

/** What an ensemble is beside its members. */
export interface EnsembleSettings {
  readonly preset: string;
  readonly seed: number;
  /** Of what the members say together, > 0. @default 1 */
  readonly temperature?: number;
  /** Combines the members in place of their weights. @default the weighted mean */
  readonly stacking?: Stacking | undefined;
  /** @default it always answers */
  readonly reject?: RejectRule | undefined;
}

/** Its members' probabilities as one, at a temperature. Takes over the members: they end with it. */
export class EnsembleModel implements TrainedModel {
  readonly kind = 'ensemble';
  readonly classes: readonly string[];
  readonly featureNames: readonly string[];
  readonly members: readonly EnsembleMember[];
  readonly temperature: number;
  readonly reject: RejectRule | undefined;
  readonly #stacking: Stacking | undefined;
  readonly #origin: Pick<EnsembleSettings, 'preset' | 'seed'>;

  /** @throws PipelineError ENSEMBLE_MEMBERS when classes, features or weights do not fit together */
  constructor(members: readonly EnsembleMember[], settings: EnsembleSettings) {
    const first = members[0];
    if (first === undefined) throw misfit('no members', 'at least one');
    this.classes = first.model.classes;
    this.featureNames =
      members.find(({ model }) => model.featureNames.length > 0)?.model.featureNames ?? [];
    this.members = members;
    this.temperature = settings.temperature ?? 1;
    this.reject = settings.reject;
    this.#stacking = settings.stacking;
    this.#origin = { preset: settings.preset, seed: settings.seed };
    this.#requireFit();
  }

  predict(flows: FlowSet): Float32Array {
    const stacking = this.#stacking;
    const counted = stacking ? this.members : this.members.filter(({ weight }) => weight > 0);
    const weights = counted.map(({ weight }) => weight);
    return combineProbabilities(
      counted.map(({ model }) => model.predict(flows)),
      { weights, stacking, temperature: this.temperature },
      this.classes.length,
    );
  }

  async save(dir: string): Promise<void> {
    const manifest: ManifestOf<'ensemble'> = {
      format: 1,
      kind: 'ensemble',
      classes: [...this.classes],
      featureNames: [...this.featureNames],
      ...this.#origin,
      scaling: null,
      libraries: {},
      settings: {},
      members: this.members.map(({ name, version, weight }) => ({ name, version, weight })),
      temperature: this.temperature,
      reject: this.reject,
      stacking: this.#stacking && {
        weights: this.#stacking.weights.map((row) => [...row]),
        biases: [...this.#stacking.biases],
      },
    };
    await writeModelFolder(dir, manifest, []);
  }

  dispose(): void {
    for (const { model } of this.members) model.dispose();
  }

  #requireFit(): void {
    const sum = this.members.reduce((total, { weight }) => total + weight, 0);
    if (Math.abs(sum - 1) > 1e-9) throw misfit(`weights that sum to ${sum}`, '1');
    for (const { name, model } of this.members) {
      if (model.classes.join('\n') !== this.classes.join('\n')) {
        throw misfit(`${name} with other classes`, this.classes.join(', '));
      }
      const features = model.featureNames.join('\n');
      if (features !== '' && features !== this.featureNames.join('\n')) {
        throw misfit(`${name} with other features`, this.featureNames.join(', '));
      }
    }
  }
}

/**
 * Reads an ensemble's folder and fetches its members.
 *
 * @throws PipelineError ENSEMBLE_MEMBERS; members found before a failure are disposed
 */
export async function loadEnsemble(
  manifest: ManifestOf<'ensemble'>,
  resolveMember: MemberResolver,
): Promise<EnsembleModel> {
  const members: EnsembleMember[] = [];
  try {
    for (const member of manifest.members) {
      members.push({ ...member, model: await resolveMember(member.name, member.version) });
    }
    return new EnsembleModel(members, manifest);
  } catch (error) {
    for (const { model } of members) model.dispose();
    throw error;
  }
}

function misfit(found: string, expected: string): PipelineError {
  return new PipelineError({
    code: 'ENSEMBLE_MEMBERS',
    found,
    expected,
    fix: 'build the ensemble from models of one training run',
  });
}
