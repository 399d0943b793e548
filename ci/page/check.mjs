// Opens reports in Chromium and looks at them as people do: on a phone and on a desk, light and dark, on
// paper, by keyboard. What it finds it prints, one line each; see ../check-report.
import { mkdtempSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'
import { accessible, byKeyboard, layout } from './look.mjs'
import { sabotage } from './sabotage.mjs'

const WIDTHS = [360, 1440]
const SCHEMES = ['light', 'dark']
// A4 less its margins, at 96 dpi.
const PAPER = 718
// Bounds on any report, whatever its run's length; the time is generous for a busy machine.
const MOST_BYTES = 3_000_000
const MOST_MS = 3_000

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--force-color-profile=srgb', '--hide-scrollbars',
]

const arguments_ = process.argv.slice(2)
const prove = take('--prove')
const screenshots = take('--screenshots', true)
const reports = arguments_.map((path) => resolve(path))

const profile = mkdtempSync(join(tmpdir(), 'check-report-'))
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM, headless: true, args: FLAGS,
})
let wrong = 0
try {
  for (const report of reports) wrong += prove ? await proven(report) : await looked(report)
} finally {
  await context.close()
  rmSync(profile, { recursive: true, force: true })
}
process.exit(wrong > 0 ? 1 : 0)

function take(name, value = false) {
  const at = arguments_.indexOf(name)
  return at < 0 ? undefined : arguments_.splice(at, value ? 2 : 1).at(-1)
}

async function looked(report) {
  const findings = await examine(report)
  const page = `${basename(dirname(report))}/${basename(report)}`
  for (const finding of findings) console.error(`${page}: ${finding}`)
  if (findings.length === 0) console.error(`${page}: nothing wrong`)
  return findings.length
}

// Each way of breaking the page must be found, or the checks are worth nothing.
async function proven(report) {
  let missed = 0
  for (const [what, expected, spoil] of sabotage) {
    const findings = await examine(report, spoil)
    const seen = findings.some((finding) => finding.includes(expected))
    console.error(`${what}: ${seen ? 'seen' : `NOT SEEN among ${JSON.stringify(findings)}`}`)
    missed += seen ? 0 : 1
  }
  return missed
}

async function examine(report, spoil) {
  const findings = new Set()
  const size = statSync(report).size
  if (size > MOST_BYTES) findings.add(`${size} bytes, more than ${MOST_BYTES}`)
  const page = await context.newPage()
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) findings.add(`console: ${message.text()}`)
  })
  page.on('pageerror', (error) => findings.add(`script: ${error.message}`))
  const url = pathToFileURL(report).href
  page.on('request', (request) => {
    if (request.url() !== url) findings.add(`asks for ${request.url()}`)
  })
  for (const width of WIDTHS) {
    for (const scheme of SCHEMES) {
      const where = `${width} px, ${scheme}`
      await page.setViewportSize({ width, height: 900 })
      await page.emulateMedia({ colorScheme: scheme, media: 'screen' })
      await page.goto(url, { waitUntil: 'load' })
      const ms = await page.evaluate(() => performance.getEntriesByType('navigation')[0].loadEventEnd)
      if (ms > MOST_MS) findings.add(`${where}: loaded after ${Math.round(ms)} ms, more than ${MOST_MS}`)
      if (spoil) await page.evaluate(spoil)
      await picture(page, report, `${width}-${scheme}`)
      for (const state of ['closed', 'open']) {
        if (state === 'open') await openAll(page)
        for (const found of await page.evaluate(layout)) findings.add(`${where}, details ${state}: ${found}`)
      }
      for (const found of await accessible(page)) findings.add(`${where}: ${found}`)
      if (scheme === 'light') for (const found of await byKeyboard(page)) findings.add(`${where}: ${found}`)
      if (spoil && findings.size > 0) break
    }
  }
  if (!spoil) await onPaper(page, report, findings)
  await page.close()
  return [...findings]
}

async function openAll(page) {
  await page.evaluate(() => document.querySelectorAll('details').forEach((details) => { details.open = true }))
}

async function onPaper(page, report, findings) {
  await page.setViewportSize({ width: PAPER, height: 1000 })
  await page.emulateMedia({ media: 'print', colorScheme: 'light' })
  for (const found of await page.evaluate(layout)) findings.add(`on paper: ${found}`)
  const path = screenshots && join(folder(report), 'print.pdf')
  const pdf = await page.pdf({ path, format: 'A4', printBackground: false })
  if (pdf.length < 10_000) findings.add(`on paper: an empty document (${pdf.length} bytes)`)
}

async function picture(page, report, name) {
  if (screenshots) await page.screenshot({ path: join(folder(report), `${name}.png`), fullPage: true })
}

function folder(report) {
  const path = join(screenshots, basename(dirname(report)))
  mkdirSync(path, { recursive: true })
  return path
}
