import { deserialize, serialize } from 'node:v8';
import { expect, test } from 'vitest';
import {
  createMasterState,
  masterMachine,
  type MasterEvent,
  type MasterState,
} from '../../kernel/core/master/index.js';
import { checkAfter } from '../../kernel/shell/master/recording.js';
import { stateDigest } from '../../kernel/shell/master/replay.js';
import type { MasterMachine } from './master-node.js';
import { violation } from './world.js';

const SEEDS = 6;

/** All that each master of a world was told, as a recorder writes it. */
class Lives implements MasterMachine {
  readonly told = new Map<
    MasterState,
    { readonly event: Uint8Array; readonly atMs: number; readonly check: number }[]
  >();

  step(state: MasterState, event: MasterEvent, atMs: number) {
    const life = this.told.get(state) ?? [];
    this.told.set(state, life);
    const written = serialize(event);
    const effects = masterMachine.step(state, event, atMs);
    life.push({ event: written, atMs, check: checkAfter(life.at(-1)?.check ?? 0, state, effects) });
    return effects;
  }
}

test(`what the masters of ${SEEDS} simulated clusters were told leads again to the same steps and states`, () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const lives = new Lives();
    expect(violation(seed, { master: lives })).toBeUndefined();
    for (const [state, life] of lives.told) {
      const again = createMasterState(state.options);
      let check = 0;
      for (const { event, atMs, check: then } of life) {
        check = checkAfter(check, again, masterMachine.step(again, deserialize(event) as MasterEvent, atMs));
        expect(check, `seed ${seed}`).toBe(then);
      }
      expect(stateDigest(again), `seed ${seed}`).toBe(stateDigest(state));
    }
  }
}, 120_000);
