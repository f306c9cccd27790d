import { accessSync, constants, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { afterAll } from 'vitest'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

function onPath(): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of names) {
      const file = join(folder, name)
      try {
        accessSync(file, constants.X_OK)
        return file
      } catch {}
    }
  }
  return undefined
}

/**
 * The browser that came through npm, unpacked into a folder of its own.
 * @param withLibraries also the libraries that slim machines lack; where they are there, their own fit better
 */
async function fromNpm(withLibraries: boolean): Promise<string> {
  const { TMPDIR } = process.env
  if (withLibraries) process.env.AWS_EXECUTION_ENV = 'AWS_Lambda_nodejs20.x'
  process.env.TMPDIR = mkdtempSync(join(tmpdir(), 'trunkline-chromium-'))
  try {
    const { default: packed } = await import('@sparticuz/chromium')
    return await packed.executablePath()
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
  }
}

const launch = (executablePath: string) =>
  chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--headless=shell'],
  })

async function launchAny(): Promise<Browser> {
  const installed = process.env.TRUNKLINE_CHROMIUM ?? onPath()
  if (installed) return await launch(installed)
  return await fromNpm(false)
    .then(launch)
    .catch(() => fromNpm(true).then(launch))
}

/**
 * Starts a real browser: an installed one, else the one from npm. It is closed after the tests of the file.
 * @throws with what to install where none can be started: a browser test is never left out in silence
 */
export async function startBrowser(): Promise<Browser> {
  try {
    const browser = await launchAny()
    afterAll(() => browser.close())
    return browser
  } catch (error) {
    throw new Error(`no browser can be started: install chromium, or set TRUNKLINE_CHROMIUM to one (${(error as Error).message})`)
  }
}
