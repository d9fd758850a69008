#!/usr/bin/env node
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { MasterEffect, MasterEvent, MasterState } from '../core/master/index.js';
import { Replay, stateDigest, type Replayed } from '../shell/master/replay.js';
import { toWireJson } from '../shell/wire-json.js';
import { bool, flagHelp, loadFlags, text, type Flag, type FlagValues } from './flags.js';
import { complain } from './log.js';
import { requireFlag } from './master-flags.js';
import { versionInfo } from './version.js';

/** The number of an event, or a time in milliseconds since the epoch. */
type Point = { readonly number: number } | { readonly atMs: number };

const point = (help: string): Flag<Point | undefined> => ({
  help: `${help}: its number, or a time as 2026-11-26T10:00:00Z`,
  default: undefined,
  parse: (given) => {
    if (/^\d{1,15}$/.test(given)) return { number: Number(given) };
    if (Number.isNaN(Date.parse(given))) throw new Error(`'${given}' is neither a number nor a time`);
    return { atMs: Date.parse(given) };
  },
  show: () => '',
});

export const replayFlags = {
  help: bool('Show this help', false),
  file: text('What `mezzo master --record` wrote', undefined),
  from: point('First event that is shown'),
  until: point('Last event that is stepped through'),
  effects: bool('Show what each event led to', false),
  events: bool('Show events', true),
  state: bool('Show what the state holds in the end', false),
  json: bool('One JSON object a line, with all of each event: secrets of tasks too', false),
};

/** Prints a recording. Answers whether each step did what it did when it was recorded. Throws as `readRecording` does. */
export function replay(flags: FlagValues<typeof replayFlags>, print: (line: string) => void): boolean {
  const replay = new Replay(requireFlag('file', flags.file));
  const counts = { events: 0, effects: 0, stepped: 0, differing: 0, firstDiffering: undefined as number | undefined };
  const show = (fields: object, line: () => string): void => print(flags.json ? toWireJson(fields) : line());
  for (const told of replay.run()) {
    if (told.kind === 'note') {
      show({ note: told.text }, () => `! ${told.text}`);
      continue;
    }
    counts.events += 1;
    counts.stepped += told.effects === undefined ? 0 : 1;
    counts.effects += told.effects?.length ?? 0;
    if (!told.matches) counts.differing += 1;
    if (!told.matches) counts.firstDiffering ??= told.number;
    if (!told.matches || (flags.events && isReached(flags.from, told, true))) showEvent(told, flags.effects, show);
    if (flags.until !== undefined && isReached(flags.until, told, false)) break;
  }
  const { mezzo, node } = replay.header ?? {};
  const digest = replay.state && stateDigest(replay.state);
  const held = replay.state && flags.state ? { state: summaryOf(replay.state) } : {};
  show({ ...counts, recordedBy: mezzo, node, digest, ...held }, () => {
    const matched = counts.differing === 0 ? 'all as recorded' : `${counts.differing} otherwise than recorded`;
    const first = counts.firstDiffering === undefined ? '' : `, first event ${counts.firstDiffering}`;
    const other = mezzo === versionInfo().mezzo ? '' : ` (recorded by Mezzo ${mezzo}, this is ${versionInfo().mezzo})`;
    const end = `${counts.events} events, ${counts.stepped} stepped through, ${counts.effects} effects: ${matched}${first}${other}`;
    const state = 'state' in held ? `\n${JSON.stringify(held.state, undefined, 2)}` : '';
    return `${end}; digest of the state: ${digest ?? 'unknown'}${state}`;
  });
  return counts.differing === 0;
}

function isReached(point: Point | undefined, { number, atMs }: { number: number; atMs: number }, first: boolean) {
  if (point === undefined) return true;
  return 'number' in point ? number >= point.number : first ? atMs >= point.atMs : atMs > point.atMs;
}

function showEvent(
  { number, atMs, event, effects, matches }: Extract<Replayed, { kind: 'event' }>,
  withEffects: boolean,
  show: (fields: object, line: () => string) => void,
): void {
  const shown = withEffects ? { effects } : {};
  show({ number, time: new Date(atMs).toISOString(), matches, event, ...shown }, () => {
    const line = `${number} ${new Date(atMs).toISOString()} ${event.type} ${aboutEvent(event)}${matches ? '' : ' (differs)'}`;
    return [line, ...(withEffects ? (effects ?? []) : []).map((one) => `    ${one.type} ${aboutEffect(one)}`)].join(
      '\n',
    );
  });
}

/** Nothing that may be secret. */
function aboutEvent(event: MasterEvent): string {
  switch (event.type) {
    case 'elected':
      return `epoch ${event.epoch}, ${event.agents.size} agents, ${event.frameworks.size} frameworks`;
    case 'schedulerSubscribed':
      return `${event.call.frameworkInfo.name} on ${event.connection}`;
    case 'schedulerCalled':
      return `${event.call.type} of ${event.call.frameworkId?.value}`;
    case 'operatorCalled':
      return `${event.call.type}`;
    case 'agentSubscribed':
      return `${event.subscribe.agentInfo.id?.value ?? 'new'} at ${event.subscribe.address} on ${event.connection}`;
    case 'agentCalled':
      return `${event.batch.calls.map(({ type }) => type).join(' ')} on ${event.batch.session}`;
    default:
      return membersOf(event);
  }
}

function aboutEffect(effect: MasterEffect): string {
  if (effect.type === 'persist') return effect.writes.map(({ op, id }) => `${op} ${id}`).join(', ');
  const what = 'event' in effect ? effect.event.type : 'record' in effect ? effect.record.type : '';
  return `${what} ${membersOf(effect)}`.trim();
}

const membersOf = (one: object): string =>
  ['id', 'connection', 'status', 'text', 'message', 'reason', 'atMs']
    .flatMap((name) => (name in one ? [String(one[name as keyof typeof one])] : []))
    .join(' ');

const summaryOf = (state: MasterState): object => ({
  epoch: state.epoch,
  offers: state.offers.size,
  agents: [...state.agents.values()].map(({ id, info, connection, total, tasks }) => ({
    ...{
      id,
      hostname: info.hostname,
      connected: connection !== undefined,
      resources: String(total),
      tasks: tasks.size,
    },
  })),
  awaitedAgents: [...state.recoveredAgents.keys()],
  unreachableAgents: state.unreachableAgents.size,
  goneAgents: state.goneAgents.size,
  frameworks: [...state.frameworks.values()].map(({ id, info, roles, connection, tasks, offers }) => ({
    ...{ id, name: info.name, roles, connected: connection !== undefined, offers: offers.size },
    tasks: [...tasks.values()].map(({ taskId, agentId, message }) => ({ taskId, agentId, state: message.state })),
  })),
});

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.stdout.on('error', () => process.exit()); // whoever read it has seen enough
  try {
    const flags = loadFlags(replayFlags, { argv: process.argv.slice(2), env: {} });
    if (flags.help) process.stdout.write(`Usage: replay.js [flags]\n\n${flagHelp(replayFlags)}\n`);
    else if (!replay(flags, (line) => process.stdout.write(`${line}\n`))) process.exitCode = 1;
  } catch (error) {
    complain(error);
    process.exitCode = 1;
  }
}
