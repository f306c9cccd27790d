import { readFileSync } from 'node:fs'
import { TrunklineError } from '@trunkline/contract'
import type { FlowChange, FlowNode, FlowView, NewFlow, Trunkline } from '@trunkline/engine'
import type { Command } from 'commander'
import { wantsJson, wholeNumber, withTrunkline } from '../command.ts'
import { plain, printJson, printTable } from '../print.ts'

/** `trunkline flows`: jobs that depend on each other. */
export function flowsCommand(program: Command): void {
  const flows = program.command('flows').description('make, look at, cancel and retry flows: jobs that depend on each other')
  flows
    .command('list', { isDefault: true })
    .description('flows, newest first')
    .option('--limit <n>', 'at most so many (default 50)', wholeNumber)
    .action(list)
  flows.command('show <flow>').description('a flow with its jobs and what each waits for').action(show)
  flows
    .command('create <file>')
    .description('make a flow from JSON: { name, jobs: [{ name, task, payload, dependsOn: [names] }] } (- reads standard input)')
    .action(create)
  flows.command('cancel <flow>').description('cancel all of its jobs that have not ended').action(cancel)
  flows.command('retry <flow>').description('run again what failed or was cancelled; what has completed stays').action(retry)
}

async function list({ limit }: { limit?: number }, command: Command): Promise<void> {
  await withTrunkline(command, async (trunkline) => {
    const found = await trunkline.flows.list(limit === undefined ? {} : { limit })
    if (wantsJson(command)) return printJson({ data: found })
    const row = (f: FlowView) => [
      f.id,
      f.name ?? '',
      f.state,
      `${f.percent} %`,
      f.total,
      f.counts.failed,
      f.createdAt.toISOString(),
      f.createdBy ?? '',
    ]
    printTable(
      ['FLOW', 'NAME', 'STATE', 'DONE', 'JOBS', 'FAILED', 'CREATED', 'BY'],
      found.map(row),
      'no flows; make one with trunkline.flows.add or: trunkline flows create <file>',
    )
  })
}

async function allNodes(trunkline: Trunkline, id: string): Promise<FlowNode[]> {
  const nodes: FlowNode[] = []
  for (;;) {
    const after = nodes.at(-1)?.job.id
    const page = await trunkline.flows.jobs(id, { limit: 500, ...(after === undefined ? {} : { after }) })
    nodes.push(...page)
    if (page.length < 500) return nodes
  }
}

async function show(id: string, _options: object, command: Command): Promise<void> {
  await withTrunkline(command, async (trunkline) => {
    const flow = await trunkline.flows.get(id)
    const nodes = await allNodes(trunkline, id)
    if (wantsJson(command)) return printJson({ ...flow, jobs: nodes })
    const counts = Object.entries(flow.counts).filter(([, n]) => n > 0)
    console.log(
      plain(
        `flow ${flow.id}${flow.name ? ` (${flow.name})` : ''} ${flow.state}, ${flow.percent} %: ${counts.map(([state, n]) => `${n} ${state}`).join(', ')}`,
      ),
    )
    const nameOf = new Map(nodes.map(({ name, job }) => [job.id, name ?? job.id]))
    const waits = ({ dependsOn }: FlowNode) => {
      const open = dependsOn.filter((on) => on.open).map(({ jobId }) => nameOf.get(jobId) ?? jobId)
      return open.length > 5 ? `${open.slice(0, 5).join(', ')} and ${open.length - 5} more` : open.join(', ')
    }
    printTable(
      ['JOB', 'NAME', 'TASK', 'STATE', 'WAITS FOR'],
      nodes.map((node) => [node.job.id, node.name ?? '', node.job.task, node.job.state, waits(node)]),
      'none of its jobs is left',
    )
  })
}

function readFlowFile(file: string): NewFlow {
  let text: string
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw new TrunklineError('file_not_found', { field: 'file', received: file, problem: (error as Error).message })
  }
  try {
    return JSON.parse(text) as NewFlow
  } catch (error) {
    throw new TrunklineError('payload_not_json', { field: file, problem: (error as Error).message })
  }
}

async function create(file: string, _options: object, command: Command): Promise<void> {
  const { name, jobs } = readFlowFile(file)
  await withTrunkline(command, async (trunkline) => {
    const flow = await trunkline.flows.add({ ...(name === undefined ? {} : { name }), jobs, createdBy: 'cli' })
    const made = Object.fromEntries(Object.entries(flow.jobs).map(([node, job]) => [node, job.id]))
    if (wantsJson(command)) return printJson({ ...(await flow.get()), jobs: made })
    console.log(plain(`flow ${flow.id}: ${jobs.length} jobs`))
    for (const [node, id] of Object.entries(made)) console.log(plain(`  ${node}: job ${id}`))
  })
}

function tell({ changed, others }: FlowChange, what: string, rest: string, command: Command): void {
  if (wantsJson(command)) printJson({ changed, others })
  else console.log(`${changed} jobs ${what}${others > 0 ? `, ${others} ${rest}` : ''}`)
}

async function cancel(id: string, _options: object, command: Command): Promise<void> {
  await withTrunkline(command, async (trunkline) =>
    tell(await trunkline.flows.cancel(id, { by: 'cli' }), 'cancelled', 'running ones asked to end', command),
  )
}

async function retry(id: string, _options: object, command: Command): Promise<void> {
  await withTrunkline(command, async (trunkline) =>
    tell(await trunkline.flows.retry(id), 'run or wait again', 'could not be retried', command),
  )
}
