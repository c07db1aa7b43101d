/** What may lie behind the readings of a window: hints for people, by which signals moved together. */
import { isAbove, type Reading, type Signal } from '../../contracts/signals.js';

/** What a window showed. */
export interface WindowFindings {
  readonly readings: readonly Reading[];
  /** Median over the judged classes of how far each moved beyond chance; 0 without any. */
  readonly medianShift: number;
  /** By flows. */
  readonly movedClasses: readonly { readonly name: string }[];
  /** Those that moved most. */
  readonly features: readonly { readonly name: string }[];
  /** By flows. */
  readonly newServices: readonly { readonly name: string }[];
}

/** A change of the exporter moves most classes so far; services change one by one. */
const EXPORTER_SHIFT = 0.05;

/** Names in a hint. */
const SHOWN = 3;

/** Hints, the weightiest first; none when nothing drifted. */
export function causesOf(findings: WindowFindings): string[] {
  const { readings, medianShift, movedClasses, features, newServices } = findings;
  const drifted = (signal: Signal): boolean =>
    readings.some((reading) => reading.signal === signal && isAbove(reading));
  const of = listed(features.map(({ name }) => name));
  const flowsMoved = drifted('feature_severity') || drifted('class_severity');
  const causes: string[] = [];
  if (drifted('feature_severity') && medianShift >= EXPORTER_SHIFT) {
    causes.push(`exporter change: most classes moved, most in ${of}`);
  } else if (flowsMoved && movedClasses.length > 0) {
    const names = listed(movedClasses.map(({ name }) => name));
    causes.push(`changed services (certificate, front end, endpoints): ${names}; most in ${of}`);
  }
  if (drifted('data_quality')) causes.push('the exporter gives another number of packets');
  if (drifted('new_service'))
    causes.push(`new services: ${listed(newServices.map(({ name }) => name))}`);
  if (drifted('reject_rise')) causes.push('flows of services that the model does not know');
  if (drifted('class_mix')) causes.push('shares of the classes changed');
  if (drifted('sni_kl')) causes.push(flowsMoved ? 'names changed' : 'names changed, flows did not');
  return causes;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN).join(', ');
  return names.length > SHOWN ? `${shown} and ${names.length - SHOWN} more` : shown;
}
