// Server-sent events through fetch, which can send the key as a header.

/** Read a stream until it ends; calls `take(name, document)` for each message. */
export async function follow(address, options, take) {
  const answer = await fetch(address, options);
  if (!answer.ok) throw new Error(`the stream was refused: ${answer.status}`);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const messages = (rest + value).split("\n\n");
    rest = messages.pop();
    for (const message of messages) {
      const fields = Object.fromEntries(message.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
      if (fields.data) take(fields.event, JSON.parse(fields.data));
    }
  }
}
