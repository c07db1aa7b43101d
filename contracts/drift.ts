/** A judged window as people read it: `sentinel drift`, its page, and the file of the window. */
import type { JudgedFlows } from './lifecycle.js';

/** A judged window, and what moved in it. */
export interface DriftFindings extends JudgedFlows {
  readonly model: string;
  /** Median over the judged classes of how far each moved beyond chance, in deviations of the pooled features. */
  readonly medianShift: number;
  /** Classes that moved by themselves, by flows; `shift` as above. */
  readonly movedClasses: readonly {
    readonly name: string;
    readonly rows: number;
    readonly shift: number;
  }[];
  /** Features that moved most, in pooled standard deviations. */
  readonly features: readonly { readonly name: string; readonly value: number }[];
  /** Names that may be new services, by flows; `rejected` are those that the model does not know. */
  readonly newServices: readonly {
    readonly name: string;
    readonly rows: number;
    readonly rejected: number;
  }[];
}
