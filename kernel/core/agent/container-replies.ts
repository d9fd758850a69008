import type { ContainerExit } from '@mezzo/sdk/points/containerizer';
import type { ContainerReply } from './container-messages.js';
import type { Container } from './state.js';
import { emit, type Turn } from './turn.js';

/** Answers to those who asked for containers, or wait for one to end. */

export const reply = (turn: Turn, request: number, answer: ContainerReply): void =>
  emit(turn, { type: 'replyContainerCall', request, reply: answer });

export function replyToLaunch(turn: Turn, container: Container, answer: ContainerReply): void {
  if (container.launchRequest === undefined) return;
  reply(turn, container.launchRequest, answer);
  container.launchRequest = undefined;
}

/** Without an exit: it never ran. */
export function answerWaits(turn: Turn, containerId: string, exit?: ContainerExit): void {
  const answer: ContainerReply = exit === undefined ? NEVER_RAN : { status: 200, exit };
  for (const request of turn.state.waits.get(containerId) ?? []) reply(turn, request, answer);
  turn.state.waits.delete(containerId);
}

const NEVER_RAN: ContainerReply = { status: 404, text: 'The container never ran' };
