import { messageOf, type Logger } from '@mezzo/sdk/contract';
import type { AllocatorPolicy, Contender } from '@mezzo/sdk/points/allocator-policy';

/** So that a policy that fails amid each step does not fill the log. */
const WORDS_EVERY_MS = 60_000;
const MAX_REASON = 500;

/** Undefined: none of them has the name. */
export function choosePolicy(
  name: string,
  brought: readonly AllocatorPolicy[],
  log: Logger,
  nowMs: () => number,
): AllocatorPolicy | undefined {
  const chosen = brought.find((policy) => policy.name === name);
  return chosen && contained(chosen, log, nowMs);
}

/** Never throws, and answers what the allocator can use: as if there were no ranking, and as if nobody were admitted, where the plugin's code does not. */
function contained(policy: AllocatorPolicy, log: Logger, nowMs: () => number): AllocatorPolicy {
  let nextMs = -Infinity;
  const ask = (call: string, run: () => unknown): unknown => {
    let wrong: string;
    try {
      const answer = run();
      if (typeof answer === 'boolean' ? call === 'admits' : call === 'rank' && Number.isFinite(answer)) return answer;
      wrong = `it answered ${String(answer)}`;
    } catch (error) {
      wrong = messageOf(error).slice(0, MAX_REASON);
    }
    if (nowMs() < nextMs) return undefined;
    nextMs = nowMs() + WORDS_EVERY_MS;
    const instead = call === 'rank' ? 'shares decide in its place' : 'nothing is offered in its place';
    log.error(`the policy of the allocator failed: ${instead}`, { policy: policy.name, call, reason: wrong });
    return undefined;
  };
  const byShare = ({ dominantShare, weight }: Contender): number => dominantShare / weight;
  return {
    name: policy.name,
    ...(policy.rank && { rank: (who) => (ask('rank', () => policy.rank!(who)) as number | undefined) ?? byShare(who) }),
    ...(policy.admits && { admits: (...about) => ask('admits', () => policy.admits!(...about)) === true }),
  };
}
