import type { IncomingMessage, ServerResponse } from 'node:http';
import type Koa from 'koa';

/** Koa freezes its middleware when the callback is made; this one takes in what is mounted later (the plugin host's routes). */
export function koaCallback(app: Koa): (request: IncomingMessage, response: ServerResponse) => void {
  let composed = -1;
  let callback: ReturnType<Koa['callback']> | undefined;
  return (request, response) => {
    if (callback === undefined || composed !== app.middleware.length) {
      composed = app.middleware.length;
      callback = app.callback();
    }
    void callback(request, response);
  };
}
