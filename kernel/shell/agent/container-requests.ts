import type { ContainerCall, ContainerReply } from '../../core/agent/container-messages.js';
import type { AgentEvent } from '../../core/agent/events.js';

/** Calls about containers that the machine has not answered yet. */
export class ContainerRequests {
  private readonly waiting = new Map<number, (reply: ContainerReply) => void>();
  private next = 1;

  constructor(private readonly dispatch: (event: AgentEvent) => void) {}

  /** `onGone` is handed what to call when whoever asks has left: then the answer is undefined. */
  ask(call: ContainerCall, onGone?: (gone: () => void) => void): Promise<ContainerReply | undefined> {
    const request = this.next++;
    return new Promise((resolve) => {
      this.waiting.set(request, resolve);
      onGone?.(() => {
        if (!this.waiting.delete(request)) return;
        this.dispatch({ type: 'containerCallAbandoned', request });
        resolve(undefined);
      });
      this.dispatch({ type: 'containerCalled', request, call });
    });
  }

  answer(request: number, reply: ContainerReply): void {
    this.waiting.get(request)?.(reply);
    this.waiting.delete(request);
  }

  stop(): void {
    for (const request of [...this.waiting.keys()]) this.answer(request, STOPPING);
  }
}

const STOPPING: ContainerReply = { status: 503, text: 'The agent is stopping' };
