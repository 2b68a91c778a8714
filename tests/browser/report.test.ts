import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { reportHtml } from '../../layers/core/domain/report-html/index'
import { describeWithChromium, screenshot, visit } from '../support/chromium'
import { BARE_PAGE, FAILED_PAGE, HOSTILE_KEYS, VERIFIED_PAGE } from '../support/report-page'

const PAGES = { verified: reportHtml(VERIFIED_PAGE), failed: reportHtml(FAILED_PAGE), bare: reportHtml(BARE_PAGE) }

/** What of the keys is text in the page, put there as it is: what a page without escaping would be. */
const unescaped = `<!doctype html><html><body><table><tr><td>${HOSTILE_KEYS.map((key) => key.toString()).join('</td><td>')}</td></tr></table></body></html>`

/** Shows the report in a window of 380 and tells how wide it would like to be: the page itself may hold no script. */
const frame = `<!doctype html><body><iframe src="/report.html" style="width:380px;height:800px;border:0"
  onload="document.body.dataset.wide=this.contentDocument.documentElement.scrollWidth"></iframe></body>`

describeWithChromium('report.html in Chromium', () => {
  let folder: string
  let server: Server
  const asked: string[] = []
  let served = ''
  let origin: string
  const pictures: Buffer[] = []

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'drayage-report-'))
    server = createServer((request, response) => {
      asked.push(request.url!)
      if (request.url!.startsWith('/frame')) return response.setHeader('content-type', 'text/html').end(frame)
      return response.setHeader('content-type', 'text/html; charset=utf-8').end(served)
    })
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })

  afterAll(async () => {
    await new Promise((closed) => server.close(closed))
    rmSync(folder, { recursive: true, force: true })
  })

  const visitServed = async (html: string) => {
    served = html
    asked.length = 0
    const seen = await visit(`${origin}/report.html`)
    return { ...seen, asked: [...asked] }
  }

  test.each(Object.entries(PAGES))('%s: no script, no request, no error, whatever the keys are', async (_name, html) => {
    const { dom, console, asked: requests } = await visitServed(html)
    expect(dom).toContain('<h1>')
    expect(dom).not.toContain('data-owned="yes"')
    expect(dom).not.toMatch(/<(script|img|iframe|link|object|embed|form|a)\b/i)
    // Inside a tag, not in text: an attribute that acts or loads.
    expect(dom).not.toMatch(/<[a-z][^<>]*\s(on[a-z]+|src|href|srcset|background)=/i)
    expect(console).toEqual([])
    expect(requests).toEqual(['/report.html'])
  })

  test('and the same judge sees a page that does not escape its keys', async () => {
    const { dom, asked: requests } = await visitServed(unescaped)
    expect(dom).toContain('data-owned="yes"')
    expect(dom).toMatch(/<(script|img)\b/i)
    expect(requests.length).toBeGreaterThan(1)
  })

  test('a page that escaped nothing would still run nothing: its policy forbids it, and says so', async () => {
    const policy = /<meta http-equiv="Content-Security-Policy"[^>]*>/.exec(PAGES.failed)![0]
    const { dom, console, asked: requests } = await visitServed(unescaped.replace('<body>', `<head>${policy}</head><body>`))
    expect(dom).not.toContain('data-owned="yes"')
    expect(console.join('\n')).toMatch(/Content Security Policy/)
    expect(requests).toEqual(['/report.html'])
  })

  test('every hostile key stands there to be read, on one line and in its own direction', async () => {
    const { dom } = await visitServed(PAGES.failed)
    expect(dom).toContain('&lt;script&gt;document.documentElement')
    expect(dom).toContain('invoice\\u202egnp.exe')
    expect(dom).toContain('zero\\u200bwidth\\u2060key')
    expect(dom).toContain('line\\nbreak\\rand\\ttab')
    expect(dom).toContain('y'.repeat(1023))
    expect(dom).not.toMatch(/[\u200b\u202e\u2060]/)
  })

  test.each(Object.entries(PAGES))('%s: on a narrow screen nothing but a table is wider than the window', async (_name, html) => {
    served = html
    expect((await visit(`${origin}/frame`)).dom).toContain('data-wide="380"')
    served = html.replace('<main>', '<main><p style="width:900px">wide</p>')
    expect((await visit(`${origin}/frame`)).dom).not.toContain('data-wide="380"')
  })

  test.each([
    ['light', 1200, false],
    ['dark', 1200, true],
    ['narrow', 400, false],
  ] as const)('%s: a picture of its own', async (name, width, dark) => {
    const page = join(folder, `${name}.html`)
    const picture = join(folder, `${name}.png`)
    writeFileSync(page, PAGES.failed)
    await screenshot(pathToFileURL(page).href, picture, { width, height: 1600, dark })
    const png = readFileSync(picture)
    expect(png.subarray(1, 4).toString()).toBe('PNG')
    expect(png.readUInt32BE(16)).toBe(width)
    expect(png.length).toBeGreaterThan(20_000)
    expect(pictures.some((other) => other.equals(png))).toBe(false)
    pictures.push(png)
  })
})
