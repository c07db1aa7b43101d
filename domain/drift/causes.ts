/** What may lie behind the readings of a window: hints for people, by which signals moved together. */
import type { Reading, Signal } from '../../contracts/signals.js';

/** What a window showed. */
export interface WindowFindings {
  readonly readings: readonly Reading[];
  readonly judgedClasses: number;
  /** By flows. */
  readonly movedClasses: readonly { readonly name: string }[];
  /** Those that moved most. */
  readonly features: readonly { readonly name: string }[];
}

/** A change of the exporter moves flows of at least this share of the classes; services change one by one. */
const EXPORTER_SHARE = 0.25;

/** Names in a hint. */
const SHOWN = 3;

/** Hints, the weightiest first; none when nothing drifted. */
export function causesOf(findings: WindowFindings): string[] {
  const { readings, judgedClasses, movedClasses, features } = findings;
  const drifted = (signal: Signal): boolean =>
    readings.some(
      (reading) =>
        reading.signal === signal &&
        reading.threshold !== null &&
        reading.value > reading.threshold,
    );
  const movedShare = movedClasses.length / Math.max(1, judgedClasses);
  const of = listed(features.map(({ name }) => name));
  const flowsMoved = drifted('feature_severity') || drifted('class_severity');
  const causes: string[] = [];
  if (drifted('feature_severity') && movedShare >= EXPORTER_SHARE) {
    causes.push(
      `exporter change: ${Math.round(100 * movedShare)} % of the classes moved, most in ${of}`,
    );
  } else if (flowsMoved && movedClasses.length > 0) {
    const names = listed(movedClasses.map(({ name }) => name));
    causes.push(`changed services (certificate, front end, endpoints): ${names}; most in ${of}`);
  }
  if (drifted('data_quality')) causes.push('the exporter gives another number of packets');
  if (drifted('reject_rise')) causes.push('flows of services that the model does not know');
  if (drifted('class_mix')) causes.push('shares of the classes changed');
  if (drifted('sni_kl')) causes.push(flowsMoved ? 'names changed' : 'names changed, flows did not');
  return causes;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN).join(', ');
  return names.length > SHOWN ? `${shown} and ${names.length - SHOWN} more` : shown;
}
