import type { Browser } from 'playwright-core'
import { afterAll } from 'vitest'
import { launchBrowser } from '../../scripts/browser.mjs'

/**
 * Starts a real browser: an installed one, else the one from npm. It is closed after the tests of the file.
 * @throws with what to install where none can be started: a browser test is never left out in silence
 */
export async function startBrowser(): Promise<Browser> {
  try {
    const browser = await launchBrowser()
    afterAll(() => browser.close())
    return browser
  } catch (error) {
    throw new Error(`no browser can be started: install chromium, or set TRUNKLINE_CHROMIUM to one (${(error as Error).message})`)
  }
}
