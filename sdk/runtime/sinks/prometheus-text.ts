import type { MetricSample, MetricType } from '../../points/metrics-sink.js';

export interface ParsedMetrics {
  readonly samples: readonly MetricSample[];
  /** Lines that make no sense, and those beyond the bound. */
  readonly skipped: number;
}

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const TYPES: ReadonlySet<string> = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped']);
const PART = /_(?:bucket|sum|count)$/;
const MAX_LABELS = 64;

/** Reads text format 0.0.4 of Prometheus. Samples without a time of their own have `nowMs`. */
export function parsePrometheus(text: string, nowMs: number, maxSamples: number): ParsedMetrics {
  const types = new Map<string, MetricType>();
  const samples: MetricSample[] = [];
  let skipped = 0;
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (line === '') continue;
    if (line.startsWith('#')) {
      const [, word, name = '', type = ''] = line.split(/\s+/, 4);
      if (word === 'TYPE' && TYPES.has(type)) types.set(name, type as MetricType);
      continue;
    }
    const sample = samples.length < maxSamples ? sampleOf(line, nowMs, types) : undefined;
    if (sample === undefined) skipped++;
    else samples.push(sample);
  }
  return { samples, skipped };
}

function sampleOf(line: string, nowMs: number, types: ReadonlyMap<string, MetricType>): MetricSample | undefined {
  const name = nameAt(line, 0);
  if (name === undefined) return undefined;
  const found = line[name.length] === '{' ? labelsAt(line, name.length + 1) : { labels: {}, end: name.length };
  if (found === undefined) return undefined;
  const [valueText = '', timeText, ...more] = line.slice(found.end).trim().split(/\s+/);
  const value = numberOf(valueText);
  const timestampMs = timeText === undefined ? nowMs : Number(timeText);
  if (value === undefined || !Number.isSafeInteger(Math.trunc(timestampMs)) || more.length > 0) return undefined;
  const type = types.get(name) ?? types.get(name.replace(PART, '')) ?? 'untyped';
  return { name, labels: found.labels, value, timestampMs, type };
}

/** The labels that begin there, and where what comes after their brace begins. */
function labelsAt(line: string, begin: number): { labels: Record<string, string>; end: number } | undefined {
  const labels: [string, string][] = [];
  let at = begin;
  while (labels.length <= MAX_LABELS) {
    while (line[at] === ' ' || line[at] === ',') at++;
    if (line[at] === '}') return { labels: Object.fromEntries(labels), end: at + 1 };
    const name = nameAt(line, at);
    if (name === undefined || !line.startsWith('="', at + name.length)) return undefined;
    at += name.length + 2;
    let value = '';
    let from = at;
    for (; line[at] !== '"'; at++) {
      if (at >= line.length) return undefined;
      if (line[at] !== '\\') continue;
      value += line.slice(from, at) + unescaped(line[++at]);
      from = at + 1;
    }
    value += line.slice(from, at);
    at++;
    labels.push([name, value]);
  }
  return undefined;
}

function nameAt(line: string, at: number): string | undefined {
  NAME.lastIndex = at;
  return NAME.exec(line)?.[0];
}

const unescaped = (char = ''): string => (char === 'n' ? '\n' : char);

function numberOf(text: string): number | undefined {
  if (/^[+-]?Inf$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  if (/^nan$/i.test(text)) return NaN;
  const value = text === '' ? NaN : Number(text);
  return Number.isNaN(value) ? undefined : value;
}
