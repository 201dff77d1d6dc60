import { errorBody, faultOf } from "./api_error.ts";

/** Sends an event; one with a `type` goes by that name, too. */
export type Send = (data: { readonly type?: string; readonly [key: string]: unknown }) => void;

/**
 * Answers with server-sent events, each a JSON object, and [DONE] at the end. A failure before the first event is thrown,
 * so that it has a status of its own; a later one is an event. A client that leaves aborts the work.
 */
export async function eventStream(
  request: Request,
  work: (send: Send, signal: AbortSignal) => Promise<void>,
  onError: (error: unknown) => void,
): Promise<Response> {
  const gone = new AbortController();
  const { stream, send, end } = textStream(() => gone.abort());
  const begun = deferred();
  const signal = AbortSignal.any([request.signal, gone.signal]);
  let hasBegun = false;
  const sendEvent: Send = (data) => {
    hasBegun = true;
    const name = data.type === undefined ? "" : `event: ${data.type}\n`;
    send(`${name}data: ${JSON.stringify(data)}\n\n`);
    begun.resolve();
  };
  work(sendEvent, signal).then(
    () => {
      begun.resolve();
      send("data: [DONE]\n\n");
      end();
    },
    (error) => {
      begun.reject(error);
      if (!hasBegun) return;
      if (!signal.aborted) {
        onError(error);
        send(`data: ${JSON.stringify(errorBody(faultOf(error)))}\n\n`);
      }
      end();
    },
  );
  await begun.promise;
  return new Response(stream, {
    headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" },
  });
}

function textStream(onCancel: () => void) {
  const utf8 = new TextEncoder();
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const stream = new ReadableStream<Uint8Array>({
    start(given) {
      controller = given;
    },
    cancel() {
      controller = undefined;
      onCancel();
    },
  });
  return {
    stream,
    send: (text: string) => controller?.enqueue(utf8.encode(text)),
    end() {
      controller?.close();
      controller = undefined;
    },
  };
}

function deferred() {
  let [resolve, reject]: [() => void, (reason: unknown) => void] = [() => {}, () => {}];
  const promise = new Promise<void>((yes, no) => {
    [resolve, reject] = [yes, no];
  });
  return { promise, resolve, reject };
}
