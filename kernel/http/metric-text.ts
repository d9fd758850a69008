import { Lazy, quote, type Piece, type Run } from '@mezzo/sdk/api';
import type { Steps } from './slices.js';

/** Names, sorted, that begin alike, and what they count. Groups come in the order of their names. */
export interface MetricGroup {
  readonly prefix: string;
  readonly names: readonly string[];
  readonly values: readonly number[];
}

/** Of names that nobody has sorted yet, few enough to do it at once. */
export function groupOf(metrics: ReadonlyMap<string, number>): MetricGroup {
  const names = [...metrics.keys()].sort();
  return { prefix: '', names, values: names.map((name) => metrics.get(name)!) };
}

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** One JSON object, as `JSON.stringify` writes it. */
export function* metricPieces(groups: Iterable<MetricGroup>): Generator<Piece> {
  let mark = '{';
  for (const { prefix, names, values } of groups) {
    const begin = quote(prefix).slice(0, -1);
    let text = '';
    for (const [i, name] of names.entries()) {
      text += `${mark}${begin}${quote(name).slice(1)}:${JSON.stringify(values[i])}`;
      mark = ',';
    }
    yield text;
  }
  yield mark === '{' ? '{}' : '}';
}

/** Messages of `name` and `value`. */
export function* metricMessages(groups: Iterable<MetricGroup>): Steps<Lazy> {
  const runs: Run<number>[] = [];
  for (const { prefix, names, values } of groups) {
    runs.push({ items: [...names.keys()], view: (i) => ({ name: prefix + names[i], value: values[i] }) });
    yield;
  }
  return new Lazy(runs as readonly Run[]);
}

/** Roles and resources that users name become labels. */
const LABELLED: readonly RegExp[] = [
  /^(?<name>allocator\/mesos\/roles)\/(?<role>.+)\/(?<rest>shares\/dominant)$/,
  /^(?<name>allocator\/mesos\/offer_filters\/roles)\/(?<role>.+)\/(?<rest>active)$/,
  /^(?<name>allocator\/mesos\/quota\/roles)\/(?<role>.+)\/resources\/(?<resource>[^/]+)\/(?<rest>\w+)$/,
];

/** The name, and the labels as they are written. */
function gaugeOf(path: string): readonly [name: string, labels: string] {
  for (const pattern of LABELLED) {
    const groups = pattern.exec(path)?.groups;
    if (groups === undefined) continue;
    const { name, rest, ...labels } = groups as Record<string, string>;
    const texts = Object.entries(labels).map(([label, value]) => `${label}="${escaped(value).replace(/"/g, '\\"')}"`);
    return [`${name}/${rest}`, `{${texts.join(',')}}`];
  }
  return [path, ''];
}

const escaped = (text: string): string => text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n');

/** The same for Prometheus: `master/tasks_running` is `mezzo_master_tasks_running`; those with a prefix are left out. */
export function* prometheusPieces(groups: Iterable<MetricGroup>): Generator<Piece> {
  const gauges = new Map<string, string[]>();
  for (const { prefix, names, values } of groups) {
    if (prefix !== '') continue;
    for (const [i, path] of names.entries()) {
      const [name, labels] = gaugeOf(path);
      const lines = gauges.get(name) ?? [];
      gauges.set(name, lines);
      lines.push(`${labels} ${valueText(values[i]!)}\n`);
      yield '';
    }
  }
  for (const [path, lines] of gauges) {
    const name = `mezzo_${path.replace(/[^a-zA-Z0-9_]/g, '_')}`;
    yield `# HELP ${name} ${escaped(path)}\n# TYPE ${name} gauge\n`;
    for (const line of lines) yield name + line;
    yield '\n';
  }
  const memory = 'process_resident_memory_bytes';
  yield `# HELP ${memory} Resident memory of the process\n# TYPE ${memory} gauge\n${memory} ${process.memoryUsage.rss()}\n`;
}

const valueText = (value: number): string =>
  Math.abs(value) === Infinity ? (value < 0 ? '-Inf' : '+Inf') : `${value}`;
