import { asId, type AgentId } from '@mezzo/sdk/contract';
import type { AgentEffect } from '../../kernel/core/agent/effects.js';
import { Allocator, type Quota } from '../../kernel/core/allocator/index.js';
import { agentMachine } from '../../kernel/core/agent/step.js';
import { digestIn } from '../../kernel/core/master/agents.js';
import type { MasterEffect, RegistryWrite } from '../../kernel/core/master/effects.js';
import { masterMachine } from '../../kernel/core/master/step.js';
import type { AgentMachine } from './agent-node.js';
import type { Effect } from '../../plugins/marathon/core/effects.js';
import type { MarathonState } from '../../plugins/marathon/core/state.js';
import { step } from '../../plugins/marathon/core/step.js';
import type { MarathonMachine } from './marathon-node.js';
import type { MasterMachine } from './master-node.js';
import {
  isFrosty,
  isListed,
  isNested,
  isOversubscribed,
  isSecretive,
  isTight,
  isWithMasters,
  isWithOperations,
  isWithPolicy,
  type Planted,
} from './world.js';

/** Machines with a bug planted in what they do: each must be caught, or the auditors are asleep. */

const agentThat = (change: (effect: AgentEffect) => AgentEffect[]): AgentMachine => ({
  step: (state, event, atMs) => agentMachine.step(state, event, atMs).flatMap(change),
});
const masterThat = (change: (effect: MasterEffect) => MasterEffect[]): MasterMachine => ({
  step: (state, event, atMs) => masterMachine.step(state, event, atMs).flatMap(change),
});

const marathonThat = (change: (effect: Effect) => Effect[]): MarathonMachine => ({
  step: (state, event, atMs) => step(state, event, atMs).flatMap(change),
});

/** It writes all but these. */
const masterWithout = (left: RegistryWrite['op']): MasterMachine =>
  masterThat((effect) =>
    effect.type === 'persist' ? [{ ...effect, writes: effect.writes.filter(({ op }) => op !== left) }] : [effect],
  );

/** By each life of Marathon. */
const saidKills = new WeakMap<MarathonState, Set<string>>();

/** A record that says nothing: a missing one would be noticed by its number. */
const inPlaceOf = (effect: Extract<MasterEffect, { type: 'sendAgent' }>): MasterEffect => ({
  ...effect,
  record: { type: 'ping', seq: effect.record.seq },
});

export const planted: Readonly<Record<string, Planted>> = {
  'the agent checkpoints no tasks': {
    seen: 2,
    agent: agentThat((effect) => (effect.type === 'checkpoint' && effect.key.startsWith('tasks/') ? [] : [effect])),
  },
  'the agent checkpoints no reservations': {
    seen: 1,
    worlds: isWithOperations,
    agent: agentThat((effect) => (effect.type === 'checkpoint' && effect.key === 'resources' ? [] : [effect])),
  },
  'the master acknowledges not every operation': {
    seen: 1,
    worlds: isWithOperations,
    master: masterThat((effect) =>
      effect.type === 'sendAgent' &&
      effect.record.type === 'acknowledgeOperation' &&
      /^.{20}[A-D]/.test(effect.record.uuid)
        ? [inPlaceOf(effect)]
        : [effect],
    ),
  },
  'the master takes any books for its own': {
    seen: 1,
    master: {
      step: (state, event, atMs) => {
        if (event.type !== 'agentSubscribed' || !('digest' in event.subscribe))
          return masterMachine.step(state, event, atMs);
        const agent = state.agents.get(asId<AgentId>(event.subscribe.agentInfo.id?.value ?? ''));
        const subscribe = { ...event.subscribe, ...(agent && { digest: digestIn(agent) }) };
        return masterMachine.step(state, { ...event, subscribe }, atMs);
      },
    },
  },
  'the agent never retries an update': {
    seen: 5,
    agent: agentThat((effect) => (effect.type === 'setTimer' && effect.key.startsWith('update/') ? [] : [effect])),
  },
  'the agent launches every container twice': {
    seen: 1,
    agent: agentThat((effect) =>
      effect.type === 'launchContainer'
        ? [effect, { ...effect, spec: { ...effect.spec, containerId: `${effect.spec.containerId}-b` } }]
        : [effect],
    ),
  },
  'the agent spares the rest of a group': {
    seen: 29,
    worlds: (seed) => isWithOperations(seed) && isTight(seed),
    agent: agentThat((effect) => (effect.type === 'killContainer' && effect.graceMs === 3000 ? [] : [effect])),
  },
  'the agent forgets what runs in pods': {
    seen: 5,
    worlds: isWithOperations,
    agent: agentThat((effect) =>
      effect.type === 'checkpoint' && effect.key.startsWith('containers/') ? [] : [effect],
    ),
  },
  'the master forgets to write agents down': {
    seen: 1,
    master: masterWithout('putAgent'),
  },
  'the master forgets to write quota down': {
    seen: 6,
    master: masterWithout('putRole'),
  },
  'the master offers room before it is there': {
    seen: 29,
    worlds: isTight,
    master: {
      step: (state, event, atMs) => {
        Object.assign(state.allocator, { isOvercommitted: () => false });
        return masterMachine.step(state, event, atMs);
      },
    },
  },
  'the master tells nobody to give way': {
    seen: 29,
    worlds: isTight,
    master: masterThat((effect) =>
      effect.type === 'sendAgent' && 'preemptedFor' in effect.record ? [inPlaceOf(effect)] : [effect],
    ),
  },
  'the agent does not say why tasks give way': {
    seen: 54,
    worlds: isTight,
    agent: agentThat((effect) => {
      if (effect.type !== 'sendMaster' || effect.call.type !== 'statusUpdate') return [effect];
      const { reason: _, ...status } = effect.call.status;
      return [
        effect.call.status.reason === 'REASON_CONTAINER_PREEMPTED'
          ? { ...effect, call: { ...effect.call, status } }
          : effect,
      ];
    }),
  },
  'the master offers everybody what may be taken away': {
    seen: 6,
    worlds: isOversubscribed,
    master: {
      step: (state, event, atMs) => {
        if (event.type === 'schedulerSubscribed')
          (event.call.frameworkInfo.capabilities ??= []).push({ type: 'REVOCABLE_RESOURCES' });
        return masterMachine.step(state, event, atMs);
      },
    },
  },
  'the master does not listen to what estimators say': {
    seen: 6,
    worlds: isOversubscribed,
    master: {
      step: (state, event, atMs) => {
        if (event.type !== 'agentCalled') return masterMachine.step(state, event, atMs);
        const calls = event.batch.calls.filter(({ type }) => type !== 'updateResources');
        return masterMachine.step(state, { ...event, batch: { ...event.batch, calls } }, atMs);
      },
    },
  },
  'the agent ends those who may not be ended': {
    seen: 6,
    worlds: isOversubscribed,
    agent: {
      step: (state, event, atMs) => {
        for (const run of event.type === 'corrected' ? state.runs.values() : [])
          for (const { info } of run.tasks.values())
            info.resources = info.resources?.map((one) => ({ ...one, revocable: {} }));
        return agentMachine.step(state, event, atMs);
      },
    },
  },
  'the master leaves offers of what is no more on the table': {
    seen: 20,
    worlds: isOversubscribed,
    master: {
      step: (state, event, atMs) => {
        if (event.type !== 'agentCalled' || !event.batch.calls.some(({ type }) => type === 'updateResources'))
          return masterMachine.step(state, event, atMs);
        const kept = [...state.agents.values()].map(({ offers }) => [offers, [...offers]] as const);
        for (const [offers] of kept) offers.clear();
        const effects = masterMachine.step(state, event, atMs);
        for (const [offers, all] of kept) for (const offer of all) offers.add(offer);
        return effects;
      },
    },
  },
  'the agent says of what it preempts that it failed': {
    seen: 20,
    worlds: isOversubscribed,
    agent: agentThat((effect) => {
      if (effect.type !== 'sendMaster' || effect.call.type !== 'statusUpdate') return [effect];
      const { status } = effect.call;
      if (status.reason !== 'REASON_CONTAINER_PREEMPTED') return [effect];
      const told = { ...status, state: 'TASK_FAILED' as const, reason: 'REASON_EXECUTOR_TERMINATED' as const };
      return [{ ...effect, call: { ...effect.call, status: told } }];
    }),
  },
  'the master knows no limits of roles below others': {
    seen: 6,
    worlds: isNested,
    master: {
      step: (state, event, atMs) => {
        const { allocator } = state;
        const setQuota = (role: string, quota: Quota) =>
          role.includes('/') ? undefined : Allocator.prototype.setQuota.call(allocator, role, quota);
        Object.assign(allocator, { setQuota });
        return masterMachine.step(state, event, atMs);
      },
    },
  },
  'the master knows limits of roles below others only': {
    seen: 6,
    worlds: isNested,
    master: {
      step: (state, event, atMs) => {
        const { allocator } = state;
        const setQuota = (role: string, quota: Quota) =>
          role.includes('/') ? Allocator.prototype.setQuota.call(allocator, role, quota) : undefined;
        Object.assign(allocator, { setQuota });
        return masterMachine.step(state, event, atMs);
      },
    },
  },
  'the master offers agents that come back whatever the whitelist': {
    seen: 12,
    worlds: isListed,
    master: {
      step: (state, event, atMs) => {
        const effects = masterMachine.step(state, event, atMs);
        if (event.type === 'agentSubscribed')
          for (const { id, connection } of state.agents.values())
            if (connection === event.connection) state.allocator.activateAgent(id);
        return effects;
      },
    },
  },
  'the master forgets to write maintenance down': {
    seen: 9,
    master: masterWithout('putMaintenance'),
  },
  'the agent goes back to a master that leads no more': {
    seen: 5,
    worlds: isFrosty,
    agent: {
      step: (state, event, atMs) => {
        if (event.type !== 'masterRecordReceived' || event.record.type !== 'registered')
          return agentMachine.step(state, event, atMs);
        const { registry: _, ...record } = event.record;
        return agentMachine.step(state, { ...event, record }, atMs);
      },
    },
  },
  'the master forgets to write the name of its registry down': {
    seen: 5,
    worlds: isFrosty,
    master: masterWithout('putName'),
  },
  'marathon writes none of its instances down': {
    seen: 5,
    worlds: isWithMasters,
    marathon: marathonThat((effect) =>
      effect.type === 'persist'
        ? [{ ...effect, writes: effect.writes.filter(({ key }) => !key.startsWith('instance/')) }]
        : [effect],
    ),
  },
  'marathon says kill once, and never asks again': {
    seen: 58,
    worlds: isWithMasters,
    marathon: {
      step: (state, event, atMs) => {
        const said = saidKills.get(state) ?? new Set();
        saidKills.set(state, said);
        return step(state, event, atMs).filter((effect) => {
          const killed = effect.type === 'call' ? effect.call.kill?.taskId.value : undefined;
          return killed === undefined || (!said.has(killed) && said.add(killed));
        });
      },
    },
  },
  'marathon never asks what became of its tasks': {
    seen: 116,
    worlds: isWithMasters,
    marathon: marathonThat((effect) => (effect.type === 'call' && effect.call.type === 'RECONCILE' ? [] : [effect])),
  },
  'the agent launches without the secrets that tasks name': {
    seen: 10,
    worlds: isSecretive,
    agent: agentThat((effect) => {
      if (effect.type !== 'prepareSandbox') return [effect];
      const { secrets: _, ...rest } = effect;
      return [rest];
    }),
  },
  'the agent repeats what containerizers say, secrets and all': { seen: 10, worlds: isSecretive, candid: true },
  'the allocator never asks its policy who may go where': {
    worlds: isWithPolicy,
    master: {
      step: (state, event, atMs) =>
        masterMachine.step(
          state,
          event.type === 'policyChosen' ? { type: event.type, policy: { name: event.policy.name } } : event,
          atMs,
        ),
    },
  },
  'offers do not wait for the policy': {
    worlds: isWithPolicy,
    master: {
      step: (state, event, atMs) => {
        state.awaitsPolicy = false;
        return masterMachine.step(state, event, atMs);
      },
    },
  },
  'what a deposed master writes lands': { seen: 45, worlds: isFrosty, unfenced: true },
  'the master passes no acknowledgement on': {
    master: masterThat((effect) =>
      effect.type === 'sendAgent' && effect.record.type === 'acknowledge' ? [inPlaceOf(effect)] : [effect],
    ),
  },
};
