// Gives streamed answers another finish reason, as some servers do: `length` where the model has stopped.
// Clients that go by it continue an answer that was whole, or take a cut one for whole.
//
// With `from = "tool_calls"` and `to = "stop"`: the call of a tool that agents then never carry out.

import { count } from 'squall:fault/host@0.2.0';

const KNOWN = ['from', 'to'];
const NONE = {
  connect: false, request: false, response: false, event: false, data: false, body: false, finish: false,
  tick: false,
};
const PASS = { tag: 'pass' };
const decoder = new TextDecoder();
const encoder = new TextEncoder();

let from = 'stop';
let to = 'length';

function text(table, name, otherwise) {
  const value = table[name] ?? otherwise;
  // What is thrown is the error of the interface's `result`.
  if (typeof value !== 'string') throw `\`${name}\` is a text`;
  return value;
}

export const plugin = {
  describe() {
    return {
      summary: 'Gives streamed answers another finish reason.',
      parameters: [
        { name: 'from', kind: 'text', default: '"stop"', example: '"tool_calls"', meaning: 'the reason to replace' },
        { name: 'to', kind: 'text', default: '"length"', example: '"stop"', meaning: 'what the client reads instead' },
      ],
    };
  },

  configure(config) {
    const table = JSON.parse(config);
    const unknown = Object.keys(table).find((name) => !KNOWN.includes(name));
    if (unknown !== undefined) throw `unknown parameter \`${unknown}\`, expected one of \`from\`, \`to\``;
    from = text(table, 'from', 'stop');
    to = text(table, 'to', 'length');
    return { ...NONE, event: true, data: true };
  },

  event(_attempt, event) {
    const payload = decoder.decode(event.data);
    // Most events have none: they are not parsed.
    if (!payload.includes(`"${from}"`)) return PASS;
    let chunk;
    try {
      chunk = JSON.parse(payload);
    } catch {
      return PASS;
    }
    const hit = (chunk.choices ?? []).filter((choice) => choice.finish_reason === from);
    if (hit.length === 0) return PASS;
    for (const choice of hit) choice.finish_reason = to;
    count('finish reasons replaced', BigInt(hit.length));
    return { tag: 'replace', val: [encoder.encode(JSON.stringify(chunk))] };
  },

  // Not asked for, so never called.
  connect: () => PASS,
  request: () => PASS,
  response: () => PASS,
  body: () => PASS,
  finish: () => {},
  tick: () => {},
};
