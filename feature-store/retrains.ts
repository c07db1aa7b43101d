/** The retrainings that reached a gate, as the decision log tells of them, oldest first. */
import type { JsonObject } from '../contracts/json.js';
import type { Report } from '../contracts/report.js';
import { DECISIONS } from './engine-tables.js';
import { queryIfPresent } from './query-tables.js';

type Retrain = Report['retrains'][number];

/** A row of the log, with the challenger it is about. */
interface Told {
  readonly key: string;
  readonly model: string;
  readonly partition: string;
  readonly kind: string;
  readonly reason: string;
  readonly evidence: JsonObject;
}

/** Reads them; a home without decisions has none. */
export async function readRetrains(tablesRoot: string): Promise<Retrain[]> {
  const rows = await queryIfPresent(
    tablesRoot,
    DECISIONS.name,
    `SELECT key, model, partition, kind, reason, evidence FROM decisions
     WHERE kind <> 'noted' ORDER BY decided_at, key`,
  );
  const told = rows.map((row): Told => ({
    ...{ key: String(row['key']), model: String(row['model']) },
    ...{ partition: String(row['partition']), kind: String(row['kind']) },
    reason: String(row['reason']),
    evidence: JSON.parse(String(row['evidence'])) as JsonObject, // an object when it was written
  }));
  const promoted = told.filter(({ kind }) => kind === 'promoted');
  return told.flatMap((gate) => {
    const retrain = retrainOf(gate);
    if (retrain === undefined) return [];
    const { version } = retrain;
    const isIt = ({ model, key, evidence }: Told): boolean =>
      model === gate.model && (evidence['challenger'] === version || key === promotedKey(gate));
    return [{ ...retrain, promoted: promoted.some(isIt) }];
  });
}

/** What the gate was shown; the last three as releases up to 0.6 wrote them. */
interface GateTold {
  readonly gate?: Scores | null;
  readonly challenger?: string;
  readonly because?: string;
  readonly challengerVersion?: string;
  readonly championF1?: number;
  readonly challengerF1?: number;
}

type Scores = Pick<Retrain, 'championF1' | 'challengerF1'>;

/** Undefined for a decision that no gate was behind. */
function retrainOf(told: Told): Omit<Retrain, 'promoted'> | undefined {
  const { model, partition, kind, reason } = told;
  const { gate, challenger = '', because = '', ...before } = told.evidence as GateTold; // of domain/lifecycle
  if (gate) {
    const { championF1, challengerF1 } = gate;
    return { model, partition, reason: because, championF1, challengerF1, version: challenger };
  }
  const { challengerVersion: version, championF1 = 0, challengerF1 = 0 } = before;
  if (version === undefined || !['promote', 'keep'].includes(kind)) return undefined;
  return { model, partition, reason, championF1, challengerF1, version };
}

/** Up to release 0.6 the decisions on one report had one key, but for the kind. */
function promotedKey({ key, kind }: Told): string {
  return key.endsWith(`/${kind}`) ? `${key.slice(0, -kind.length)}promoted` : '';
}
