import type { Browser } from 'playwright-core'
import { afterAll } from 'vitest'
import { launchBrowser } from '../../scripts/browser.mjs'

/** That of this process, for all of its test files; it ends with the process. */
let started: Promise<Browser> | undefined

/**
 * A real browser: an installed one, else the one from npm. What a test file opens in it is closed after its tests.
 * @throws with what to install where none can be started: a browser test is never left out in silence
 */
export async function startBrowser(): Promise<Browser> {
  try {
    started ??= launchBrowser()
    const browser = await started
    afterAll(() => Promise.all(browser.contexts().map((context) => context.close())))
    return browser
  } catch (error) {
    throw new Error(`no browser can be started: install chromium, or set TRUNKLINE_TEST_CHROMIUM to one (${(error as Error).message})`)
  }
}
