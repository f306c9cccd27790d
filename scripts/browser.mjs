// The browser of tests, pictures and measurements: an installed one, else the one that came through npm.
import { accessSync, constants, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { chromium } from 'playwright-core'

// a headless shell first: it paints no windows, and the console's tests take two thirds of the time in it
const names = ['chromium-headless-shell', 'chrome-headless-shell', 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

function onPath() {
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
 * @param {boolean} withLibraries also the libraries that slim machines lack; where they are there, their own fit better
 */
async function fromNpm(withLibraries) {
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

/** @param {string} executablePath */
const launch = (executablePath) =>
  chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--headless=shell'],
  })

/**
 * Starts a browser: that of TRUNKLINE_TEST_CHROMIUM, an installed one, or the one from npm.
 * @returns {Promise<import('playwright-core').Browser>}
 */
export async function launchBrowser() {
  const installed = process.env.TRUNKLINE_TEST_CHROMIUM ?? onPath()
  if (installed) return await launch(installed)
  return await fromNpm(false)
    .then(launch)
    .catch(() => fromNpm(true).then(launch))
}
