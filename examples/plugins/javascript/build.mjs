// From finish-reason.js to finish-reason.wasm, without any of WASI.
import { writeFile } from 'node:fs/promises';
import { componentize } from '@bytecodealliance/componentize-js';

const { component } = await componentize({
  sourcePath: 'finish-reason.js',
  witPath: '../../../plugins/wit',
  worldName: 'fault',
  disableFeatures: ['random', 'stdio', 'clocks', 'http', 'fetch-event'],
});
await writeFile('finish-reason.wasm', component);
