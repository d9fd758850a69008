import { parseJson, stringifyJson } from '@mezzo/sdk/api';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyMessage } from '../../tests/support/any-message.js';
import { Resources } from '../core/resources/index.js';
import { taskView } from './master/legacy-views.js';
import { taskText } from './task-text.js';

const bags = ['cpus:1;mem:32', 'cpus:0.1;mem:0;gpus:2', 'ports:[1-5,9-9];disk:7', 'tags:{a,b};odd:3'].flatMap(
  (text) => [
    ...Resources.parse(text).toMessages('post'),
    ...Resources.parse(text).allocate('we"b/x').toMessages('both'),
  ],
);
const name = fc.string({ unit: 'binary', maxLength: 6 });
const instead = { 'mesos.v1.Resource': fc.constantFrom(...bags), string: name };

test('tasks are written as the view of them, whatever they have', () => {
  fc.assert(
    fc.property(anyMessage('mesos.v1.Task', instead), (task) => {
      const text = taskText(task);
      expect(text).toBe(stringifyJson(taskView(task)));
      expect(() => parseJson(text)).not.toThrow();
    }),
    { numRuns: 300 },
  );
});

test('sizes that differ are told apart, however many there are', () => {
  const task = {
    name: 't',
    taskId: { value: 't' },
    frameworkId: { value: 'f' },
    agentId: { value: 'a' },
    state: 'TASK_RUNNING',
  } as const;
  for (const i of [...Array(1200).keys(), ...Array(1200).keys()]) {
    const resources = Resources.parse(`cpus:${i};mem:32`).allocate(`r${i}`).toMessages('both');
    expect(taskText({ ...task, resources })).toBe(stringifyJson(taskView({ ...task, resources })));
  }
});
