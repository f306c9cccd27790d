import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { defineTask, FatalError, type Task } from '../../packages/engine/src/index.ts'

const chance = (share: number) => Math.random() < share
const between = (least: number, most: number) => Math.round(least + Math.random() * (most - least))

class DeadlockError extends Error {
  override readonly name = 'DeadlockError'
  readonly code = '40P01'
}

const importUsers = defineTask('crm.import_users', {
  description: 'Reads users of the CRM and brings ours up to date',
  queue: 'etl',
  retry: { attempts: 3 },
  input: z.object({
    source: z.enum(['hubspot', 'salesforce', 'csv']).meta({ title: 'Source', description: 'Where the users come from' }),
    since: z.iso.date().optional().meta({ title: 'Only changed since' }),
    rows: z.number().int().min(1).max(1_000_000).default(400),
    apiKey: z.string().optional().meta({ title: 'API key', writeOnly: true }),
  }),
  async run({ input, log, signal }) {
    log.setStage('Downloading')
    log.info(`\u001b[36mGET\u001b[0m https://api.${input.source}.example/users?page=1`)
    for (let page = 1; page <= 4; page++) {
      await sleep(between(60, 160), undefined, { signal })
      log.incrementProgress(between(80, 120))
      log.debug(`page ${page}`, { page, ms: between(40, 90) })
    }
    log.setStage('Processing users')
    log.setTotal(input.rows, 'users')
    for (let done = 0; done < input.rows; done += 25) {
      await sleep(between(40, 110), undefined, { signal })
      log.incrementProgress(25)
      log.addOutcome('updates', between(10, 20))
      log.addOutcome('inserts', between(0, 6))
      if (chance(0.05)) log.warn(`user ${between(1000, 9999)} has no e-mail address`, { skipped: true })
      if (chance(0.012)) throw new DeadlockError(`deadlock detected while updating user ${between(1000, 9999)}`)
    }
    return { users: input.rows, changed: between(100, 300) }
  },
})

const sendMail = defineTask('mail.send', {
  description: 'Sends one mail',
  queue: 'mail',
  retry: { attempts: 4, backoff: { curve: 'fixed', delay: '20s' } },
  input: z.object({
    to: z.email(),
    template: z.enum(['welcome', 'invoice', 'reminder']),
    customer: z.object({ id: z.number().int() }).optional(),
  }),
  async run({ input, log }) {
    await sleep(between(20, 120))
    if (chance(0.08)) throw new Error(`connect ETIMEDOUT smtp.example.com:587 after ${between(5000, 9000)} ms`)
    log.info(`sent ${input.template} to ${input.to}`)
    return { messageId: `<${between(1e6, 9e6)}@example.com>` }
  },
})

const renderInvoice = defineTask('billing.render_invoice', {
  description: 'Renders an invoice as PDF',
  queue: 'billing',
  retry: { attempts: 2, backoff: { curve: 'fixed', delay: '1s' } },
  input: z.object({ customer: z.object({ id: z.number().int() }), month: z.string().regex(/^\d{4}-\d{2}$/) }),
  async run({ input, log }) {
    log.setTotal(3, 'pages')
    for (let page = 0; page < 3; page++) {
      await sleep(between(30, 90))
      log.incrementProgress()
    }
    if (input.customer.id % 9 === 0) throw new FatalError(`customer ${input.customer.id} has no billing address`)
    return { file: `invoices/${input.month}/${input.customer.id}.pdf`, bytes: between(20_000, 80_000) }
  },
})

const resize = defineTask('media.resize', {
  description: 'Makes smaller copies of a picture',
  queue: 'media',
  input: z.object({ file: z.string(), widths: z.array(z.number().int()).default([320, 640, 1280]) }),
  async run({ input, log }) {
    log.setTotal(input.widths.length, 'sizes')
    for (const width of input.widths) {
      await sleep(between(300, 900))
      log.incrementProgress()
      log.info(`${input.file} at ${width} px`)
    }
    return { sizes: input.widths.length }
  },
})

const crawl = defineTask('search.reindex', {
  description: 'Walks through the catalogue and fills the search index',
  queue: 'etl',
  timeout: '2h',
  input: z.object({ full: z.boolean().default(false) }),
  async run({ log, signal }) {
    log.setStage('Scanning')
    for (let i = 0; i < 4000; i++) {
      await sleep(between(150, 400), undefined, { signal })
      log.incrementProgress(between(1, 9))
      if (i % 3 === 0) log.info(`indexed \u001b[32m/products/${between(1, 90_000)}\u001b[0m`, { shard: i % 4 })
      if (chance(0.03)) log.warn(`\u001b[33m/products/${between(1, 90_000)}\u001b[0m answers slowly`)
    }
    return { documents: 20_000 }
  },
})

const step = (name: string, ms: number) =>
  defineTask(name, {
    queue: 'reports',
    retry: { attempts: 1 },
    async run({ log, input }) {
      log.info(`${name} ${JSON.stringify(input)}`)
      await sleep(between(ms / 2, ms))
      if (name === 'report.currency' && chance(0.6)) throw new Error('the exchange rates of today are not there yet')
      return { rows: between(1000, 9000) }
    },
  })

const reports = [step('report.extract', 900), step('report.currency', 700), step('report.aggregate', 1200), step('report.publish', 500)]

/** The tasks of a shop, as the demo has them. */
export const demoTasks: Task[] = [importUsers, sendMail, renderInvoice, resize, crawl, ...reports] as Task[]
