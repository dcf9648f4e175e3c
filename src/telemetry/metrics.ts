// The metrics of one broker, in a registry of their own. Names, help and labels are in the table beside.
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { type CounterName, type GaugeName, type LabelsOf, type MetricName, metricTable } from './metric-table.ts';

export interface Metrics {
  /** Adds one, or as many as are told at once. */
  count<N extends CounterName>(name: N, labels: LabelsOf<N>, times?: number): void;
  set<N extends GaugeName>(name: N, labels: LabelsOf<N>, value: number): void;
  /** Of what is no more. */
  unset<N extends GaugeName>(name: N, labels: LabelsOf<N>): void;
  /** The value of a counter or gauge now; 0 when nothing was told yet. */
  value<N extends MetricName>(name: N, labels: LabelsOf<N>): Promise<number>;
  /** In Prometheus's text format. */
  render(): Promise<string>;
}

const otherValue = 'other';

/** A label's values as a metric is told them: what its list does not know is `other`. */
class LabelSpace {
  readonly #labels: readonly (readonly [name: string, values: ReadonlySet<string>])[];

  constructor(name: MetricName) {
    this.#labels = Object.entries(metricTable[name].labels).map(([label, values]) => [label, new Set<string>(values)]);
  }

  /** One value for each label, in the table's order. */
  values(labels: Readonly<Record<string, string>>): string[] {
    return this.#labels.map(([label, values]) => {
      const value = labels[label] ?? otherValue;
      return values.has(value) ? value : otherValue;
    });
  }

  labelled(values: readonly string[]): Record<string, string> {
    return Object.fromEntries(this.#labels.map(([label], place) => [label, values[place] ?? otherValue]));
  }

  bounded(labels: Readonly<Record<string, string>>): Record<string, string> {
    return this.labelled(this.values(labels));
  }
}

/** Counts by label values; a scrape puts the sums into the registry, whose own way of counting costs ten times as much. */
class Tally {
  readonly #space: LabelSpace;
  readonly #sums = new Map<string, { readonly values: readonly string[]; sum: number }>();

  constructor(space: LabelSpace) {
    this.#space = space;
  }

  add(labels: Readonly<Record<string, string>>, times: number): void {
    const values = this.#space.values(labels);
    const key = values.join(' ');
    const counted = this.#sums.get(key);
    if (counted) counted.sum += times;
    else this.#sums.set(key, { values, sum: times });
  }

  pour(counter: Counter): void {
    if (this.#sums.size === 0) return;
    counter.reset();
    for (const { values, sum } of this.#sums.values()) counter.inc(this.#space.labelled(values), sum);
  }
}

/** @param options.process also measures the process itself: CPU, memory, event loop, garbage collection. */
export function createMetrics(options: { readonly process: boolean } = { process: false }): Metrics {
  const registry = new Registry();
  const spaces = new Map<string, LabelSpace>();
  const tallies = new Map<string, Tally>();
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  for (const [name, { type, help, labels }] of Object.entries(metricTable)) {
    const space = new LabelSpace(name as MetricName);
    const tally = new Tally(space);
    const collect = function (this: Counter): void {
      tally.pour(this);
    };
    const configuration = { name, help, labelNames: Object.keys(labels), registers: [registry] };
    spaces.set(name, space);
    tallies.set(name, tally);
    if (type === 'counter') counters.set(name, new Counter({ ...configuration, collect }));
    else gauges.set(name, new Gauge(configuration));
  }
  if (options.process) collectDefaultMetrics({ register: registry });
  const bounded = (name: string, labels: Readonly<Record<string, string>>): Record<string, string> =>
    spaces.get(name)?.bounded(labels) ?? {};
  return {
    count: (name, labels, times = 1) => tallies.get(name)?.add(labels, times),
    unset: (name, labels) => gauges.get(name)?.remove(bounded(name, labels)),
    set: (name, labels, value) => gauges.get(name)?.set(bounded(name, labels), value),
    value: async (name, labels) => {
      const wanted = Object.entries(bounded(name, labels));
      const { values } = (await (counters.get(name) ?? gauges.get(name))?.get()) ?? { values: [] };
      const found = values.find((each) => wanted.every(([label, value]) => each.labels[label] === value));
      return found?.value ?? 0;
    },
    render: () => registry.metrics(),
  };
}
