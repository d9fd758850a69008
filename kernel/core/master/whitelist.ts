import { agentPaused, agentResumed, isListed } from './ledger.js';
import { rescindOffersOf } from './offers.js';
import { log, type Turn } from './turn.js';
import { isActive } from './views.js';

/** By the names of their hosts: those that are not on the list are offered to nobody. Tasks go on there. Undefined = all are. */
export function whitelistChanged(turn: Turn, hosts: readonly string[] | undefined): void {
  const { state } = turn;
  const before = state.whitelist;
  state.whitelist = hosts && new Set(hosts);
  log(turn, 'info', 'the list of agents to offer has changed', { hosts: hosts?.length });
  for (const agent of state.agents.values()) {
    const [was, is] = [isListed(before, agent), isListed(state.whitelist, agent)];
    if (was === is || !isActive(agent)) continue;
    if (!is) rescindOffersOf(turn, agent);
    (is ? agentResumed : agentPaused)(turn, agent);
  }
}
