/** What is measured of a window of flows to tell whether its model still fits. */

/** The signals, by name. */
export const SIGNALS = [
  'feature_severity', // features moved within the classes
  'class_severity', // share of flows whose class moved by itself
  'data_quality', // the number of packets that the exporter gives
  'error_rise', // labelled flows that are answered wrongly
  'error_change', // the same, since its latest change inside the window
  'ece_rise', // how far confidence and accuracy of labelled flows lie apart
  'confidence_drop', // calibrated probability of the answers: the error without labels
  'reject_rise', // flows that the model does not know
  'new_service', // flows under new names that it does not know
  'class_mix', // shares of the classes
  'sni_kl', // shares of names
] as const;

/** One of the signals. */
export type Signal = (typeof SIGNALS)[number];

/** A signal in one window of flows. */
export interface Reading {
  readonly signal: string;
  readonly value: number;
  /** Above is drift; null when it could not be judged. */
  readonly threshold: number | null;
  /** Below is calm; at most the threshold. */
  readonly calm: number | null;
}

/** Whether a signal is above its threshold; one that was not judged is not. */
export function isAbove({ value, threshold }: Reading): boolean {
  return threshold !== null && value > threshold;
}
