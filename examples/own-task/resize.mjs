import { defineTask } from 'trunkline'
import { z } from 'zod'

export const resize = defineTask('image.resize', {
  input: z.object({ url: z.url(), width: z.number().int().positive() }),
  retry: { attempts: 3, backoff: { curve: 'fixed', delay: '100ms' } },
  async run({ input, log, signal, attempt }) {
    if (input.url.includes('flaky') && attempt === 1) throw new Error('the image server hung up')
    log.setStage('Resizing')
    log.setTotal(input.width, 'lines')
    for (let line = 0; line < input.width; line += 100) {
      signal.throwIfAborted()
      log.incrementProgress(Math.min(100, input.width - line))
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return { bytes: input.width * 3 }
  },
})
