// Gives streamed answers another finish reason, as some servers do: `length` where the model has stopped.
// Clients that go by it continue an answer that was whole, or take a cut one for whole.
//
// With `from = "tool_calls"` and `to = "stop"`: the call of a tool that agents then never carry out.

import { count } from 'squall:fault/host@0.3.0';

const KNOWN = ['from', 'to'];
const NONE = {
  connect: false, request: false, response: false, events: false, sizes: false, data: false, ahead: false, body: false,
  finish: false, tick: false,
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

// An event's payload with the other reason; undefined where it has none to replace.
function replaced(payload) {
  // Most events have none: they are not parsed.
  if (!payload.includes(`"${from}"`)) return;
  let chunk;
  try {
    chunk = JSON.parse(payload);
  } catch {
    return;
  }
  const hit = (chunk.choices ?? []).filter((choice) => choice.finish_reason === from);
  if (hit.length === 0) return;
  for (const choice of hit) choice.finish_reason = to;
  count('finish reasons replaced', BigInt(hit.length));
  return JSON.stringify(chunk);
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
    return { ...NONE, events: true, data: true };
  },

  events(_attempt, { data }) {
    for (const [place, bytes] of data.entries()) {
      const payload = replaced(decoder.decode(bytes));
      // The events after this one come again in another call.
      if (payload !== undefined) return { place, verdict: { tag: 'replace', val: [encoder.encode(payload)] } };
    }
  },

  // Not asked for, so never called.
  connect: () => PASS,
  request: () => PASS,
  response: () => PASS,
  body: () => PASS,
  finish: () => {},
  tick: () => {},
};
