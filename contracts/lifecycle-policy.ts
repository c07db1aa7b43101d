/** When a served model is retrained, and what a challenger must show before it serves: data, a file for each model. */

/** How often a signal must exceed its threshold until its alarm is raised, and stay calm until it is cleared. */
export interface AlarmRule {
  /** Raised when this many of the last `of` windows exceed the threshold. @minimum 1 */
  readonly windows: number;
  /** @minimum 1 */
  readonly of: number;
  /** Raised by one window whose value is above this times the threshold. @minimum 1 */
  readonly suddenRatio: number;
  /** Cleared after this many windows in a row below the calm level. @minimum 1 */
  readonly calmWindows: number;
}

/** Days of the year in which no model changes by itself. */
export interface FrozenWindow {
  /** `MM-DD`, included. */
  readonly from: string;
  /** `MM-DD`, included; before `from` when the window spans the new year. */
  readonly to: string;
  readonly reason: string;
}

/** What the champion gate asks of a challenger on held-out rows. */
export interface GatePolicy {
  /** Fewer held-out rows keep the champion. */
  readonly minHeldOutRows: number;
  /** The lower 95 % bound of the gain in macro-F1 must exceed this. */
  readonly minGain: number;
  /** The same after a schema break, when the champion no longer fits the flows. */
  readonly minGainSchemaBreak: number;
  /** No class with at least `classRows` held-out rows may lose more F1 than this. */
  readonly maxClassLoss: number;
  readonly classRows: number;
  /** Expected calibration error may rise by this. */
  readonly maxEceRise: number;
  /** Milliseconds a flow may take this many times as long. */
  readonly maxLatencyRatio: number;
}

/** Everything that decides. Times of windows are those of their flows, not of the clock. */
export interface LifecyclePolicy {
  /** Signals whose alarm starts a retraining; those of all others are notices. */
  readonly retrainOn: readonly string[];
  readonly schemaBreak: {
    /**
     * An alarm of one of these whose value is above `ratio` times the greatest of the `windows` windows before means
     * that flows are exported in another way: older ones train nothing any more. What a version drifts away from
     * slowly is no break, however far.
     */
    readonly signals: readonly string[];
    readonly ratio: number;
    /** @minimum 1 */
    readonly windows: number;
    /** Of these the value must be above `ratio` times its threshold as well. */
    readonly ratioOf: readonly string[];
    /**
     * A version that learnt a break learnt few flows: it is retrained when the flows since the break have doubled,
     * until they span these days.
     */
    readonly refreshDays: number;
  };
  readonly alarm: { readonly day: AlarmRule; readonly week: AlarmRule };
  /**
   * After a promotion, a lost gate or a failure nothing is retrained for some days of flows; each gate that is lost
   * after another doubles them. After a challenger of a schema break lost, this is as long again as the break has lasted.
   */
  readonly coolDown: {
    readonly days: number;
    /** What doubling ends at. */
    readonly maxDays: number;
    /** A rise of the error above this, or a new schema break, overrides it once. */
    readonly errorRise: number;
  };
  /** Flows that must have been seen since the alarm began: at least `rows`, and `rowsPerClass` for each judged class. */
  readonly minSamples: { readonly rows: number; readonly rowsPerClass: number };
  /** At most this many retrainings within these days of flows; those after a schema break do not count. */
  readonly budget: { readonly retrains: number; readonly days: number };
  readonly frozen: readonly FrozenWindow[];
  /** Tries of one retraining. @minimum 1 */
  readonly attempts: number;
  readonly gate: GatePolicy;
  /** Hours a person has to approve a challenger that won; null asks nobody. */
  readonly approvalHours: number | null;
  readonly shadow: {
    /** Windows in which a challenger answers beside the champion before it serves; none after a schema break. */
    readonly windows: number;
    /** Weighted F1 it may be below the champion's in the mean of these windows. */
    readonly maxLoss: number;
  };
  readonly watch: {
    /** Days of flows after a promotion in which the version before still answers beside it. */
    readonly days: number;
    readonly daysSchemaBreak: number;
    /** Rolled back when its weighted F1 is further than this below that of the version before, in one window. */
    readonly maxLoss: number;
  };
}

/** What holds where a policy file says nothing. */
export const DEFAULT_POLICY: LifecyclePolicy = Object.freeze({
  retrainOn: ['feature_severity', 'error_rise', 'data_quality'],
  schemaBreak: {
    signals: ['data_quality', 'feature_severity'],
    ratio: 1.5,
    windows: 7,
    ratioOf: ['feature_severity'],
    refreshDays: 28,
  },
  alarm: {
    day: { windows: 2, of: 3, suddenRatio: 1.5, calmWindows: 2 },
    week: { windows: 1, of: 1, suddenRatio: 1.5, calmWindows: 1 },
  },
  coolDown: { days: 7, maxDays: 28, errorRise: 0.1 },
  minSamples: { rows: 3000, rowsPerClass: 30 },
  budget: { retrains: 3, days: 30 },
  frozen: [],
  attempts: 3,
  gate: {
    minHeldOutRows: 500,
    minGain: 0,
    minGainSchemaBreak: -0.005,
    maxClassLoss: 0.1,
    classRows: 200,
    maxEceRise: 0.02,
    maxLatencyRatio: 3,
  },
  approvalHours: null,
  shadow: { windows: 1, maxLoss: 0.02 },
  watch: { days: 7, daysSchemaBreak: 1, maxLoss: 0.02 },
});
