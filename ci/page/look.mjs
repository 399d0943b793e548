// What there is to find on a page: text that overlaps or is cut off, what spills over the side, what can't
// be reached by keyboard, what a screen reader can't make sense of.
import { createRequire } from 'node:module'

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

// Runs in the page.
export function layout() {
  // Boxes of letters are larger than the letters.
  const SLACK = 2
  const MOST = 5
  const found = []
  const root = document.scrollingElement
  if (root.scrollWidth > root.clientWidth) {
    const wide = [...document.body.querySelectorAll('*')]
      .filter((element) => visible(element) && element.getBoundingClientRect().right > root.clientWidth + 1 && !scrolled(element))
      .slice(0, MOST).map(named)
    found.push(`spills over the side, ${root.scrollWidth} of ${root.clientWidth} px: ${wide.join(', ')}`)
  }
  const boxes = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement
    if (!node.data.trim() || !visible(element) || element.closest('style, title, desc')) continue
    const range = document.createRange()
    range.selectNodeContents(node)
    for (const rect of range.getClientRects()) {
      const box = clipped(rect, element)
      if (box) boxes.push({ ...box, element, text: node.data.trim().slice(0, 40) })
    }
    const svg = element.closest('svg')
    if (svg) {
      const [outer, inner] = [svg.getBoundingClientRect(), element.getBoundingClientRect()]
      const out = Math.max(outer.left - inner.left, inner.right - outer.right, outer.top - inner.top, inner.bottom - outer.bottom)
      if (out > SLACK) found.push(`"${node.data.trim()}" is cut off at its drawing's edge by ${out.toFixed(1)} px`)
    }
  }
  boxes.sort((a, b) => a.top - b.top)
  let overlaps = 0
  for (let i = 0; i < boxes.length; i++) {
    for (let j = i + 1; j < boxes.length && boxes[j].top < boxes[i].bottom - SLACK; j++) {
      const [a, b] = [boxes[i], boxes[j]]
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left)
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)
      if (a.element !== b.element && across > SLACK && down > SLACK && overlaps++ < MOST) {
        found.push(`"${a.text}" overlaps "${b.text}" (${across.toFixed(1)} × ${down.toFixed(1)} px)`)
      }
    }
  }
  return found

  function visible(element) {
    return element.checkVisibility({ opacityProperty: true, visibilityProperty: true })
  }
  // It lies in a frame that scrolls by itself.
  function scrolled(element) {
    for (let at = element; at; at = at.parentElement) {
      if (getComputedStyle(at).overflowX !== 'visible' && at !== document.documentElement) return true
    }
    return false
  }
  // What is left of a box in the frames around it.
  function clipped(rect, element) {
    const box = { left: rect.left, right: rect.right, top: rect.top, bottom: rect.bottom }
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      const style = getComputedStyle(at)
      if (at instanceof SVGElement || (style.overflowX === 'visible' && style.overflowY === 'visible')) continue
      const frame = at.getBoundingClientRect()
      box.left = Math.max(box.left, frame.left)
      box.right = Math.min(box.right, frame.right)
      box.top = Math.max(box.top, frame.top)
      box.bottom = Math.min(box.bottom, frame.bottom)
    }
    return box.right > box.left && box.bottom > box.top ? box : undefined
  }
  function named(element) {
    return element.tagName.toLowerCase() + (element.className.baseVal ?? element.className ? `.${element.className.baseVal ?? element.className}` : '')
  }
}

export async function accessible(page) {
  await page.addScriptTag({ path: axe })
  const { violations } = await page.evaluate((tags) => axe.run(document, { runOnly: tags, resultTypes: ['violations'] }), TAGS)
  return violations.map(({ id, help, nodes }) => `accessibility: ${help} (${id}), ${nodes.length} times, first ${nodes[0].html.slice(0, 160)}`)
}

// Tab reaches everything that can be used, in the order of the page, and shows where it is.
export async function byKeyboard(page) {
  const expected = await page.evaluate(() => {
    window.scrollTo(0, 0)
    document.activeElement.blur?.()
    const all = [...document.querySelectorAll('a[href], summary, button, input, select, textarea, [tabindex]')]
    const usable = all.filter((element) => element.checkVisibility())
    usable.forEach((element, place) => { element.dataset.place = place })
    return usable.map((element) => element.outerHTML.slice(0, 80))
  })
  const found = []
  let last = -1
  for (let step = 0; step < expected.length; step++) {
    await page.keyboard.press('Tab')
    const at = await page.evaluate(() => {
      const element = document.activeElement
      const { outlineStyle, outlineWidth } = getComputedStyle(element)
      const { top, bottom } = element.getBoundingClientRect()
      return {
        place: Number(element.dataset.place ?? -1),
        shown: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1,
        inView: bottom > 0 && top < innerHeight,
      }
    })
    if (at.place !== last + 1) {
      found.push(`keyboard: after ${expected[last] ?? 'the start'} comes ${expected[at.place] ?? 'nothing'}, not ${expected[last + 1]}`)
      break
    }
    if (!at.shown) found.push(`keyboard: ${expected[at.place]} does not show that it is in focus`)
    if (!at.inView) found.push(`keyboard: ${expected[at.place]} is in focus out of view`)
    last = at.place
  }
  if (expected.length === 0) found.push('keyboard: there is nothing to reach')
  return found
}
