export * from './fake-containerizer.js';
