/** The results of a main job, as `sentinel up --json` prints them. Fields may be added, none may go. */
import type { Fault } from './errors.js';

/** The results of one main job; paths are absolute. */
export interface Report {
  readonly dagRunId: string;
  readonly preset: string;
  readonly input: {
    readonly files: number;
    readonly rowsRead: number;
    readonly rowsStored: number;
    readonly rowsRejected: number;
    /** Files that are no flow records; left alone. */
    readonly ignored: readonly { readonly file: string; readonly reason: string }[];
  };
  readonly errors: readonly Fault[];
  readonly tables: {
    readonly [name: string]: {
      readonly path: string;
      readonly version: number;
      readonly rows: number;
    };
  };
  readonly split: ReportedSplit | null;
  readonly models: readonly ReportedModel[];
  readonly ensemble: {
    readonly name: string;
    readonly weights: { readonly [member: string]: number };
  } | null;
  readonly drift: readonly {
    readonly partition: string;
    readonly statistic: string;
    readonly value: number | null;
    readonly threshold: number | null;
    readonly verdict: 'drifted' | 'stable' | 'not_judged';
  }[];
  readonly retrains: readonly {
    readonly model: string;
    readonly partition: string;
    readonly reason: string;
    readonly championF1: number;
    readonly challengerF1: number;
    readonly promoted: boolean;
    readonly version: string;
  }[];
}

/** Which weeks were used for what. */
export interface ReportedSplit {
  readonly kind: 'weeks' | 'time' | 'random';
  /** How the weeks were cut or merged, in one sentence. */
  readonly rule: string;
  readonly train: readonly string[];
  readonly validate: readonly string[];
  readonly test: readonly string[];
  readonly watch: readonly string[];
  readonly skippedClasses: readonly {
    readonly target: string;
    readonly class: string;
    readonly rows: number;
  }[];
}

/** One model version with its scores; accuracy and F1 in [0, 1]. */
export interface ReportedModel {
  readonly name: string;
  readonly target: string;
  readonly version: string;
  readonly alias: string | null;
  readonly test: readonly {
    readonly partition: string;
    readonly rows: number;
    readonly rowsUnseenClass: number;
    readonly accuracy: number;
    readonly macroF1: number;
    readonly weightedF1: number;
  }[];
}

/** The document of `sentinel up --once --json`. */
export interface UpDocument extends Report {
  readonly ui: { readonly temporal: string; readonly mlflow: string };
  readonly seconds: number;
}
