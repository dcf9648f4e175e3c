// The metrics of one gateway, in a registry of their own. Names, help and labels are in the table beside.
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { type CounterName, type GaugeName, type LabelsOf, type MetricName, metricTable } from './metric-table.ts';

export interface Metrics {
  /** Adds one, or as many as are told at once. */
  count<N extends CounterName>(name: N, labels: LabelsOf<N>, times?: number): void;
  set<N extends GaugeName>(name: N, labels: LabelsOf<N>, value: number): void;
  /** The value of a counter or gauge now; 0 when nothing was told yet. */
  value<N extends MetricName>(name: N, labels: LabelsOf<N>): Promise<number>;
  /** In Prometheus's text format. */
  render(): Promise<string>;
}

const otherValue = 'other';

function bounded(name: MetricName, labels: Readonly<Record<string, string>>): Record<string, string> {
  const allowed: Readonly<Record<string, readonly string[]>> = metricTable[name].labels;
  return Object.fromEntries(
    Object.entries(allowed).map(([label, values]) => {
      const value = labels[label] ?? otherValue;
      return [label, values.includes(value) ? value : otherValue];
    }),
  );
}

/** @param options.process also measures the process itself: CPU, memory, event loop, garbage collection. */
export function createMetrics(options: { readonly process: boolean } = { process: false }): Metrics {
  const registry = new Registry();
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  for (const [name, { type, help, labels }] of Object.entries(metricTable)) {
    const configuration = { name, help, labelNames: Object.keys(labels), registers: [registry] };
    if (type === 'counter') counters.set(name, new Counter(configuration));
    else gauges.set(name, new Gauge(configuration));
  }
  if (options.process) collectDefaultMetrics({ register: registry });
  return {
    count: (name, labels, times = 1) => counters.get(name)?.inc(bounded(name, labels), times),
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
