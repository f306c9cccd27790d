import type { Trunkline } from '../../packages/engine/src/index.ts'

const hour = 3_600_000

/** Schedules and templates of the shop. */
async function plan({ schedules, templates }: Trunkline): Promise<void> {
  const shop = { timezone: 'Europe/Berlin' }
  await schedules.create({
    name: 'Users of the CRM',
    task: 'crm.import_users',
    payload: { source: 'hubspot', rows: 300 },
    cronExpression: '*/15 * * * *',
    ...shop,
  })
  await schedules.create({
    name: 'Nightly backup',
    task: 'backup_create',
    payload: { label: 'nightly' },
    cronExpression: '30 2 * * *',
    ...shop,
  })
  await schedules.create({
    name: 'Reindex on weekdays',
    task: 'search.reindex',
    payload: { full: false },
    cronExpression: '0 5 * * 1-5',
    ...shop,
  })
  await schedules.create({
    name: 'Month end',
    description: 'Invoices of the month; not on 31 December',
    task: 'billing.render_invoice',
    payload: { customer: { id: 7 }, month: '2030-01' },
    calendar: { minutes: [30], hours: [18], monthDays: ['last'] },
    exceptions: [{ date: '2026-12-31' }],
    ...shop,
  })
  await schedules.create({
    name: 'Heartbeat mail',
    task: 'mail.send',
    payload: { to: 'ops@example.com', template: 'reminder' },
    intervalMs: 2 * 60_000,
    ...shop,
  })
  await schedules.create({
    name: 'Clean up on Sundays',
    task: 'maintenance_vacuum',
    payload: {},
    cronExpression: '0 4 * * 0',
    isEnabled: false,
    ...shop,
  })
  await templates.create({
    name: 'Welcome mail',
    task: 'mail.send',
    payload: { to: 'you@example.com', template: 'welcome' },
    options: { tags: ['welcome'] },
  })
  await templates.create({
    name: 'Full import',
    description: 'Everything of the CRM; takes a while',
    task: 'crm.import_users',
    payload: { source: 'salesforce', rows: 2000 },
    options: { priority: -5, tags: ['full'] },
  })
}

async function flows({ flows }: Trunkline): Promise<void> {
  for (const country of ['de', 'fr', 'it']) {
    await flows.add({
      name: `Daily report ${country}`,
      createdBy: 'user:anna@example.com',
      jobs: [
        { name: 'extract', task: 'report.extract', payload: { country } },
        { name: 'currency', task: 'report.currency', payload: { country } },
        { name: 'customers', task: 'report.extract', payload: { country, table: 'customers' } },
        { name: 'aggregate', task: 'report.aggregate', payload: { country }, dependsOn: ['extract', 'currency', 'customers'] },
        { name: 'publish', task: 'report.publish', payload: { country }, dependsOn: ['aggregate'] },
        {
          name: 'clean up',
          task: 'report.publish',
          payload: { country, clean: true },
          dependsOn: [{ name: 'aggregate', onFailure: 'run' }],
        },
      ],
    })
  }
}

async function jobs(trunkline: Trunkline): Promise<void> {
  const by = { createdBy: 'user:anna@example.com' }
  const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 1)
  await trunkline.enqueueMany(
    'mail.send',
    numbers(160).map((id) => ({ to: `customer${id}@example.com`, template: 'invoice', customer: { id } })),
    { tags: ['invoices'], ...by },
  )
  await trunkline.enqueueMany(
    'billing.render_invoice',
    numbers(60).map((id) => ({ customer: { id }, month: '2026-11' })),
    { tags: ['month-end'], ...by },
  )
  await trunkline.enqueueMany(
    'media.resize',
    numbers(40).map((i) => ({ file: `products/${i}.jpg` })),
    { priority: -10, tags: ['catalogue'], ...by },
  )
  await trunkline.enqueueMany(
    'crm.import_users',
    numbers(6).map((i) => ({ source: 'hubspot', rows: 200 + i * 50, apiKey: 'sk-demo-never-shown' })),
    { ...by },
  )
  await trunkline.enqueue('search.reindex', { full: true }, { tags: ['nightly'], ...by })
  await trunkline.enqueueMany(
    'mail.send',
    numbers(12).map((id) => ({ to: `late${id}@example.com`, template: 'reminder' })),
    { delay: 3 * hour, tags: ['reminders'], ...by },
  )
  // a queue that nobody serves, and one that somebody holds
  await trunkline.enqueueMany(
    'mail.send',
    numbers(23).map((id) => ({ to: `letter${id}@example.com`, template: 'welcome' })),
    { queue: 'letters', ...by },
  )
  await trunkline.pause('media', { reason: 'the storage is being moved', for: 2 * hour, by: 'user:anna@example.com' })
}

/** What queues are held to: one of them is beyond it. */
async function bounds(trunkline: Trunkline): Promise<void> {
  await trunkline.setLimits('mail', { rate: { limit: 600, per: '1m', burst: 20 } })
  await trunkline.setLimits('etl', { concurrency: 3 })
  await trunkline.setThresholds('mail', {
    waiting: { warning: 1000, critical: 5000 },
    oldestMs: { warning: 300_000, critical: 1_800_000 },
    failurePercent: { warning: 30, critical: 60 },
  })
  await trunkline.setThresholds('letters', { waiting: { warning: 10, critical: 100 } })
}

/** Fills an installation with a day of a shop. */
export async function fill(trunkline: Trunkline): Promise<void> {
  await plan(trunkline)
  await flows(trunkline)
  await jobs(trunkline)
  await bounds(trunkline)
}

/** Work that comes in from now on, a few jobs every second; ends with `signal`. */
export async function trickle(trunkline: Trunkline, signal: AbortSignal): Promise<void> {
  for (let id = 1000; !signal.aborted; id++) {
    await trunkline.enqueue(
      'mail.send',
      { to: `customer${id}@example.com`, template: 'welcome', customer: { id } },
      { tags: ['welcome'], createdBy: 'shop' },
    )
    if (id % 5 === 0) await trunkline.enqueue('billing.render_invoice', { customer: { id }, month: '2026-11' }, { createdBy: 'shop' })
    if (id % 40 === 0) await trunkline.enqueue('crm.import_users', { source: 'csv', rows: 200 }, { createdBy: 'shop' })
    await new Promise((resolve) => setTimeout(resolve, 700))
  }
}
