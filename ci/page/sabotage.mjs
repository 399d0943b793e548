// Ways to break a report: what is done, what the check must say of it, and the deed (it runs in the page).
export const sabotage = [
  ['an error in the console', 'console: ', () => { console.error('broken') }],
  ['a script that fails', 'script: ', () => new Promise((done) => { setTimeout(() => { setTimeout(done, 50); throw new Error('broken') }) })],
  ['a picture from the network', 'asks for ', () => { document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.1:9/x.png', alt: '' })) }],
  ['a paragraph that is too wide', 'spills over the side', () => { document.querySelector('main').insertAdjacentHTML('beforeend', '<p style="width:2000px">wide</p>') }],
  ['a heading on another', ' overlaps ', () => { document.querySelectorAll('h2').forEach((heading) => { heading.style.marginBottom = '-20px' }) }],
  ['a label on another in a drawing', ' overlaps ', () => {
    document.querySelectorAll('.drawing svg').forEach((svg) => {
      const [a, b] = svg.querySelectorAll('text')
      if (b) { b.setAttribute('x', a.getAttribute('x')); b.setAttribute('y', a.getAttribute('y')); b.removeAttribute('transform') }
    })
  }],
  ['a label beyond its drawing', 'is cut off', () => { document.querySelectorAll('.drawing svg text').forEach((text) => text.setAttribute('x', -500)) }],
  ['a link that Tab leaves out', 'keyboard: ', () => { document.querySelector('nav a').tabIndex = -1 }],
  ['focus that does not show', 'does not show', () => { document.head.insertAdjacentHTML('beforeend', '<style>*:focus-visible{outline:none!important}</style>') }],
  ['pale letters', 'color-contrast', () => { document.querySelector('h1').style.color = '#999' }],
  ['a drawing without a name', 'svg-img-alt', () => { document.querySelectorAll('.drawing svg').forEach((svg) => { svg.removeAttribute('aria-label'); svg.querySelector('title').remove() }) }],
  ['a page without its main part', 'landmark', () => { const main = document.querySelector('main'); main.replaceWith(...main.childNodes) }],
]
